"""What users name on the command line: objects of their modules, resources, schedulers."""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from ray_nas.cli.terminal import fail


def load_object(reference: str, argument: str) -> Any:
    """The object that MODULE:NAME refers to; ends the command if there is none.

    Args:
        reference: MODULE:NAME; MODULE is an importable module or the path of a Python file.
        argument: The argument's name, for the message.
    """
    module_name, separator, attribute = reference.rpartition(":")
    if not separator or not module_name or not attribute:
        fail(f"{argument} must be MODULE:NAME, got {reference!r}")
    _search_in(Path(os.getcwd()))
    if module_name.endswith(".py"):
        path = Path(module_name).resolve()
        _search_in(path.parent)
        module_name = path.stem
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        fail(f"{argument}: cannot import {module_name!r}: {error}")
    if not hasattr(module, attribute):
        fail(f"{argument}: {module_name} has no {attribute!r}")
    return getattr(module, attribute)


def _search_in(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def parse_resources(text: str, option: str = "--resources") -> dict[str, float]:
    """The amounts in NAME=AMOUNT,...; ends the command if they are malformed.

    Example:
        >>> parse_resources("cpu=1, gpu=0.25")
        {'cpu': 1.0, 'gpu': 0.25}
    """
    resources: dict[str, float] = {}
    for part in text.split(","):
        name, separator, amount = part.partition("=")
        try:
            resources[name.strip()] = float(amount)
        except ValueError:
            separator = ""
        if not separator or not name.strip() or resources[name.strip()] < 0:
            fail(f"{option} must be NAME=AMOUNT,..., e.g. cpu=1,gpu=0.25, got {text!r}")
    return resources


def parse_asha(text: str | None) -> tuple[str, int] | None:
    """The time attribute and the full length in TIME_ATTR=MAX_T; None for None.

    Example:
        >>> parse_asha("epoch=27")
        ('epoch', 27)
    """
    if text is None:
        return None
    name, _, steps = text.partition("=")
    if not name or not steps.isdigit() or int(steps) < 1:
        fail(f"--asha must be TIME_ATTR=MAX_T, e.g. epoch=27, got {text!r}")
    return name, int(steps)
