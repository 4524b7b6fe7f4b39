"""`ray-nas search`: reads the arguments and runs one Tune experiment, or a zero-shot search."""

import enum
from pathlib import Path
from typing import Annotated, Any

import typer

from ray_nas.cli.command_file import Command
from ray_nas.cli.completion import complete_searcher
from ray_nas.cli.references import load_object, parse_asha, parse_resources
from ray_nas.cli.show_command import print_outcome
from ray_nas.cli.terminal import fail, user_errors

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
        str,
        typer.Option(
            help="One of those that `ray-nas searchers` lists", autocompletion=complete_searcher
        ),
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
    verbose: Annotated[
        int,
        typer.Option(
            min=0, max=2, help="0: one line of progress; 1, 2: Tune's own output in its place"
        ),
    ] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print only the ranked trials, as JSON")
    ] = False,
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
    if trainable is None and not zero_shot:
        fail("TRAINABLE is missing; only --zero-shot does without it")
    if trainable is not None and metric is None:
        fail("--metric is missing: TRAINABLE's metric to optimise")
    if zero_shot and batch is None:
        fail("--zero-shot needs --batch, the examples on which proxies are measured")
    space_object = load_object(space, "SPACE")
    trainable_object = None if trainable is None else load_object(trainable, "TRAINABLE")
    points: list[dict[str, Any]] = []
    if batch is not None and zero_shot:
        from ray_nas.cli.zero_shot import ZeroShotSettings, run_zero_shot

        wanted = ZeroShotSettings(searcher, proxies, preset, evaluations, top, seed, output)
        with user_errors():
            points = run_zero_shot(space_object, load_object(batch, "--batch"), wanted)
    if trainable is None or metric is None:
        return
    # Ray and torch take seconds to load: --help and show do without them
    from ray_nas.cli.tune_experiment import SearchSettings, run_search

    settings = SearchSettings(
        searcher=searcher,
        metric=metric,
        mode=mode,
        num_samples=len(points) if zero_shot else num_samples,
        time_budget=time_budget,
        resources=parse_resources(resources),
        max_concurrent=max_concurrent,
        asha=parse_asha(asha),
        seed=seed,
        storage_path=storage_path,
        name=name,
        verbose=verbose,
        quiet=as_json,
    )
    command = Command.here(space, trainable, resources)
    with user_errors():
        place = run_search(space_object, trainable_object, settings, command, points)
    print_outcome(place, as_json=as_json)
