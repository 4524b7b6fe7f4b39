"""The command line: `ray-nas search` runs an experiment, `ray-nas show` tells what happened in
one.
"""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from ray_nas import record
from ray_nas.record import files as record_files
from ray_nas.record.events import without_special_floats

app = typer.Typer(
    help="Neural architecture search on Ray Tune.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(
    markup=False, emoji=False, highlight=False
)  # what is printed are data, of whomever
errors = Console(stderr=True, markup=False, emoji=False, highlight=False)


@app.command()
def search(
    space: Annotated[
        str,
        typer.Argument(
            help="MODULE:NAME of a SearchSpace, a ConfigurationSpace, or an nn.Module class with choices in it"
        ),
    ],
    trainable: Annotated[
        str, typer.Argument(help="MODULE:NAME of the Tune trainable (function or class)")
    ],
    metric: Annotated[str, typer.Option(help="The reported metric to optimise")],
    mode: Annotated[str, typer.Option(help="min or max")] = "max",
    searcher: Annotated[
        str, typer.Option(help="A searcher of ray_nas.searchers")
    ] = "RegularizedEvolution",
    num_samples: Annotated[
        int, typer.Option(min=-1, help="Number of trials; -1 goes on until --time-budget is over")
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
    asha: Annotated[
        str | None, typer.Option(help="Stop early by ASHA: TIME_ATTR=MAX_T, e.g. epoch=27")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the searcher")] = None,
    storage_path: Annotated[
        str | None,
        typer.Option(help="Where experiments lie: a folder or a URI [default: ~/ray_results]"),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="The experiment's name [default: made from the searcher and the time]"),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the experiment of that name (only one that you trust)"
        ),
    ] = False,
    verbose: Annotated[
        int, typer.Option(min=0, max=2, help="Tune's own output: 0 silent, 1 status, 2 results")
    ] = 1,
) -> None:
    """Search an architecture: each candidate is trained as a Tune trial.

    MODULE is an importable module or the path of a Python file.
    """
    if resume and not name:
        _fail("--resume needs --name, the experiment to go on with")
    sys.path.insert(0, os.getcwd())
    space_object, trainable_object = _load(space, "SPACE"), _load(trainable, "TRAINABLE")
    from ray_nas.cli.search_command import (
        run_search,
    )  # Ray and torch take seconds to load: not for --help and show

    try:
        place = run_search(
            space_object,
            trainable_object,
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
        _fail(str(error))
    try:
        loaded = record.load(place)
    except (OSError, ValueError) as error:
        _print(f"the search has ended, but its record cannot be read now: {error}")
        _print(f"when it can be, see it with: ray-nas show {place}")
    else:
        _show(loaded, place, top=5)


@app.command()
def show(
    experiment_dir: Annotated[
        str, typer.Argument(help="The experiment's folder (a path or a URI), or its record")
    ],
    top: Annotated[int, typer.Option(min=1, help="How many trials to list")] = 10,
    trial: Annotated[
        str | None, typer.Option(help="Show this trial's lineage instead of the best one's")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the ranked trials as JSON")
    ] = False,
) -> None:
    """Show an experiment: its best trials, where the best comes from, and how trials ended.

    Only the searcher's own record is read (JSON), none of Tune's files.
    """
    try:
        *earlier, newest = record_files.find(experiment_dir)
        loaded = record.load(newest)
    except (OSError, ValueError) as error:
        _fail(str(error))
    if trial is not None and not loaded.lineage(trial):
        _fail(f"--trial: {trial} is none of the experiment's {len(loaded.trials)} trials")
    if as_json:
        ranked = [
            {
                "trial": one.trial_id,
                "config": one.config,
                "metrics": without_special_floats(one.metrics),
                "move": one.move,
            }
            for one in loaded.ranked()[:top]
        ]
        started = loaded.started
        assert started is not None, "load() refuses records without it"
        properties = {name: getattr(started, name) for name in ("searcher", "space", "seed")}
        objectives = loaded.objectives
        typer.echo(json.dumps({**properties, "objectives": objectives, "trials": ranked}))
        return
    _show(loaded, experiment_dir, top, trial)
    if earlier:
        _print(f"earlier records: {', '.join(earlier)}")


def main() -> None:
    """The entry point `ray-nas`."""
    app()


def _show(loaded: record.ExperimentRecord, place: str, top: int, trial: str | None = None) -> None:
    ranked = loaded.ranked()
    metrics = list(loaded.objectives)
    aims = ", ".join(f"{name} ({mode})" for name, mode in loaded.objectives.items())
    searcher = loaded.started.searcher if loaded.started else "unknown searcher"
    _print(f"{searcher} on {aims}, {len(loaded.trials)} trials in {place}")
    table = Table(*map(_visible, ("rank", "trial", *metrics, "reports", "move", "architecture")))
    for rank, one in enumerate(ranked[:top], start=1):
        figures = [f"{one.metrics[name]:.6g}" if name in one.metrics else "-" for name in metrics]
        table.add_row(
            *map(
                _visible,
                (
                    str(rank),
                    one.trial_id,
                    *figures,
                    str(len(one.reports)),
                    one.move,
                    _config(one.config),
                ),
            )
        )
    console.print(table)
    counts: dict[str, int] = {}
    for one in loaded.trials.values():
        key = one.status + (f" ({one.reason})" if one.reason else "")
        counts[key] = counts.get(key, 0) + 1
    _print(
        "ended: "
        + ", ".join(
            f"{count} {key}" for key, count in sorted(counts.items(), key=lambda item: -item[1])
        )
    )
    start = trial or (ranked[0].trial_id if ranked else None)
    if start is None:
        _print("no trial has completed")
        return
    _print("")
    _print(f"lineage of {start}:")
    for one in loaded.lineage(start):
        figures = [f"{name} {one.metrics[name]:.6g}" for name in metrics if name in one.metrics]
        origin = f"{one.move} of {', '.join(one.parents)}" if one.parents else one.move
        _print(f"  {one.trial_id}  {' '.join(figures) or one.status}  {origin}")
        parents = [loaded.trials[name] for name in one.parents if name in loaded.trials]
        for parent in parents:
            _print(f"      {_difference(parent.config, one.config)}")


def _print(line: str) -> None:
    console.print(_visible(line), soft_wrap=True)


def _visible(text: str) -> str:
    """The text with control characters, of which a terminal would obey some, as their escapes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _config(config: dict[str, Any]) -> str:
    return " ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in sorted(config.items())
    )


def _difference(parent: dict[str, Any], child: dict[str, Any]) -> str:
    names = sorted(name for name in {*parent, *child} if parent.get(name) != child.get(name))
    return ", ".join(f"{name}: {parent.get(name, '-')} -> {child.get(name, '-')}" for name in names)


def _load(reference: str, argument: str) -> Any:
    """What MODULE:NAME stands for."""
    module_name, separator, attribute = reference.rpartition(":")
    if not separator or not module_name or not attribute:
        _fail(f"{argument} must be MODULE:NAME, got {reference!r}")
    if module_name.endswith(".py"):
        path = Path(module_name).resolve()
        sys.path.insert(0, str(path.parent))
        module_name = path.stem
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        _fail(f"{argument}: cannot import {module_name!r}: {error}")
    if not hasattr(module, attribute):
        _fail(f"{argument}: {module_name} has no {attribute!r}")
    return getattr(module, attribute)


def _resources(text: str) -> dict[str, float]:
    resources = {}
    for part in text.split(","):
        name, separator, amount = part.partition("=")
        try:
            resources[name.strip()] = float(amount)
        except ValueError:
            separator = ""
        if not separator or not name.strip() or resources[name.strip()] < 0:
            _fail(f"--resources must be NAME=AMOUNT,..., e.g. cpu=1,gpu=0.25, got {text!r}")
    return resources


def _asha(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    name, _, steps = text.partition("=")
    if not name or not steps.isdigit() or int(steps) < 1:
        _fail(f"--asha must be TIME_ATTR=MAX_T, e.g. epoch=27, got {text!r}")
    return name, int(steps)


def _fail(message: str) -> NoReturn:
    """Ends with exit code 2, as for any other wrong usage, and no traceback."""
    for line in f"Error: {message}".splitlines():
        errors.print(_visible(line), style="red", soft_wrap=True)
    raise typer.Exit(2)
