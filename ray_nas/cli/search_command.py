"""`ray-nas search`: reads the arguments and runs one Tune experiment, or a zero-shot search."""

import enum
import importlib
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ray_nas.cli.show_command import print_experiment
from ray_nas.cli.terminal import fail, print_line
from ray_nas.record import load

_SPACE_HELP = (
    "MODULE:NAME of a SearchSpace, a ConfigurationSpace, or an nn.Module class with choices in it"
)
_ASHA_HELP = "Stop early by ASHA: TIME_ATTR=MAX_T, e.g. epoch=27"
_PANEL = "Zero-shot search"
_ZERO_SHOT_HELP = (
    "Rank architectures by zero-cost proxies, without training, and print the best ones; with a "
    "TRAINABLE, train those"
)
_BATCH_HELP = (
    "MODULE:NAME of a pair (inputs, labels), or a function that returns one; 64 examples do"
)
_PROXY_HELP = (
    "Proxies whose ranks are summed, joined by +, e.g. naswot+params [default: proxies.Aggregate's]"
)
_PRESET_HELP = (
    "naswot: random architectures ranked by naswot; te-nas: prune the network of all alternatives, "
    "which yields one architecture"
)


class Preset(enum.StrEnum):
    """Zero-shot searches of papers."""

    NASWOT = "naswot"
    TE_NAS = "te-nas"


def search(
    space: Annotated[str, typer.Argument(help=_SPACE_HELP)],
    trainable: Annotated[
        str | None, typer.Argument(help="MODULE:NAME of the Tune trainable (function or class)")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="The reported metric to optimise; needed to train")
    ] = None,
    mode: Annotated[str, typer.Option(help="min or max")] = "max",
    searcher: Annotated[
        str, typer.Option(help="A searcher of ray_nas.searchers")
    ] = "RegularizedEvolution",
    num_samples: Annotated[
        int, typer.Option(min=-1, help="Number of trials; -1 runs until --time-budget is over")
    ] = 50,
    time_budget: Annotated[
        float | None, typer.Option(help="Seconds after which the experiment ends")
    ] = None,
    resources: Annotated[
        str, typer.Option(help="Resources of a trial, e.g. cpu=1,gpu=0.25")
    ] = "cpu=1",
    max_concurrent: Annotated[
        int | None, typer.Option(min=1, help="Most trials at a time [default: as many as fit]")
    ] = None,
    asha: Annotated[str | None, typer.Option(help=_ASHA_HELP)] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the searcher")] = None,
    storage_path: Annotated[
        str | None,
        typer.Option(
            help="Where experiments are stored: a folder or a URI [default: ~/ray_results]"
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="The experiment's name [default: made from the searcher and the time]"),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Continue the experiment of that name (only one that you trust)"
        ),
    ] = False,
    verbose: Annotated[
        int, typer.Option(min=0, max=2, help="Tune's own output: 0 silent, 1 status, 2 results")
    ] = 1,
    zero_shot: Annotated[
        bool, typer.Option("--zero-shot", help=_ZERO_SHOT_HELP, rich_help_panel=_PANEL)
    ] = False,
    batch: Annotated[str | None, typer.Option(help=_BATCH_HELP, rich_help_panel=_PANEL)] = None,
    proxies: Annotated[str | None, typer.Option(help=_PROXY_HELP, rich_help_panel=_PANEL)] = None,
    preset: Annotated[
        Preset | None, typer.Option(help=_PRESET_HELP, rich_help_panel=_PANEL)
    ] = None,
    evaluations: Annotated[
        int, typer.Option(min=1, help="Architectures to score", rich_help_panel=_PANEL)
    ] = 1000,
    top: Annotated[
        int, typer.Option(min=1, help="How many of the best to list", rich_help_panel=_PANEL)
    ] = 10,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Write the best to this JSON file, for points_to_evaluate", rich_help_panel=_PANEL
        ),
    ] = None,
) -> None:
    """Search an architecture: each candidate is trained as a Tune trial.

    With --zero-shot, no candidate is trained: zero-cost proxies rank them.

    MODULE is an importable module or the path of a Python file.
    """
    if resume and not name:
        fail("--resume needs --name, the experiment to continue")
    if trainable is None and not zero_shot:
        fail("TRAINABLE is missing; only --zero-shot does without it")
    if trainable is not None and metric is None:
        fail("--metric is missing: TRAINABLE's metric to optimise")
    sys.path.insert(0, os.getcwd())
    space_object = load_object(space, "SPACE")
    trainable_object = None if trainable is None else load_object(trainable, "TRAINABLE")
    points: list[dict[str, Any]] = []
    if zero_shot and not resume:
        if batch is None:
            fail("--zero-shot needs --batch, the examples on which proxies are measured")
        from ray_nas.cli.zero_shot import run_zero_shot

        try:
            points = run_zero_shot(
                space_object,
                load_object(batch, "--batch"),
                searcher=searcher,
                proxies=proxies,
                preset=preset,
                evaluations=evaluations,
                top=top,
                seed=seed,
                output=output,
            )
        except (ValueError, TypeError, OSError) as error:
            fail(str(error))
        num_samples = len(points)
    if trainable_object is None or metric is None:
        return
    # Ray and torch take seconds to load: --help and show do without them
    from ray_nas.cli.tune_experiment import run_search

    try:
        place = run_search(
            space_object,
            trainable_object,
            points=points,
            searcher=searcher,
            metric=metric,
            mode=mode,
            num_samples=num_samples,
            time_budget=time_budget,
            resources=_resources(resources),
            max_concurrent=max_concurrent,
            asha=_asha(asha),
            seed=seed,
            storage_path=storage_path,
            name=name,
            resume=resume,
            verbose=verbose,
        )
    except (ValueError, TypeError, FileNotFoundError) as error:
        fail(str(error))
    try:
        record = load(place)
    except (OSError, ValueError) as error:
        print_line(f"the search has ended, but its record cannot be read now: {error}")
        print_line(f"when it can be, see it with: ray-nas show {place}")
    else:
        print_experiment(record, place, top=5)


def load_object(reference: str, argument: str) -> Any:
    """The object that MODULE:NAME refers to."""
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


def _resources(text: str) -> dict[str, float]:
    resources: dict[str, float] = {}
    for part in text.split(","):
        name, separator, amount = part.partition("=")
        try:
            resources[name.strip()] = float(amount)
        except ValueError:
            separator = ""
        if not separator or not name.strip() or resources[name.strip()] < 0:
            fail(f"--resources must be NAME=AMOUNT,..., e.g. cpu=1,gpu=0.25, got {text!r}")
    return resources


def _asha(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    name, _, steps = text.partition("=")
    if not name or not steps.isdigit() or int(steps) < 1:
        fail(f"--asha must be TIME_ATTR=MAX_T, e.g. epoch=27, got {text!r}")
    return name, int(steps)
