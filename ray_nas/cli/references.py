"""MODULE:NAME arguments: objects of the user's modules."""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from ray_nas.cli.terminal import fail


def load_object(reference: str, argument: str) -> Any:
    """The object that MODULE:NAME refers to; ends with an error message if there is none.

    Args:
        reference: MODULE is importable from here, or the path of a Python file.
        argument: The argument's name, for the message.

    Example:
        >>> load_object("math:tau", "SPACE")
        6.283185307179586
    """
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    module_name, separator, attribute = reference.rpartition(":")
    if not separator or not module_name or not attribute:
        fail(f"{argument} must be MODULE:NAME, got {reference!r}")
    if module_name.endswith(".py"):
        path = Path(module_name).resolve()
        sys.path.insert(0, str(path.parent))
        module_name = path.stem
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        fail(f"{argument}: cannot import {module_name!r}: {error}")
    if not hasattr(module, attribute):
        fail(f"{argument}: {module_name} has no {attribute!r}")
    return getattr(module, attribute)
