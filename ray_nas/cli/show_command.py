"""`ray-nas show`: an experiment's best trials, the lineage of the best, and how trials ended."""

from collections import Counter
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from ray_nas.cli.terminal import console, fail, print_json, print_line, user_errors, visible
from ray_nas.estimators import report
from ray_nas.record import ExperimentRecord, TrialRecord, files, load

EXPERIMENT_HELP: Final = "The experiment's folder (a path or a URI), or its record"


def show(
    experiment: Annotated[str, typer.Argument(help=EXPERIMENT_HELP)],
    top: Annotated[int, typer.Option(min=1, help="How many trials to list")] = 10,
    trial: Annotated[
        str | None, typer.Option(help="Show this trial's lineage instead of the best one's")
    ] = None,
    estimators: Annotated[
        bool,
        typer.Option(
            "--estimators",
            help="Also print how well rungs and predictors rank the trials (takes a while)",
        ),
    ] = False,
    time_attr: Annotated[
        str, typer.Option(help="With --estimators: the metric that counts the budget")
    ] = "training_iteration",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the ranked trials as JSON")
    ] = False,
) -> None:
    """Show an experiment: its best trials, where the best comes from, and how trials ended.

    Reads only the searcher's own record (JSON), none of Tune's files.
    """
    with user_errors():
        *earlier, newest = files.find(experiment)
        record = load(newest)
    if trial is not None and trial not in record.trials:
        fail(
            f"--trial: {trial} is not one of the experiment's {len(record.trials)} trials in "
            f"{newest}; see them with --top {len(record.trials)}"
        )
    if as_json:
        print_json(_as_json(record, experiment, top))
        return
    print_experiment(record, experiment, top, trial)
    if estimators:
        for line in ("", *str(report(record, time_attr=time_attr)).splitlines()):
            print_line(line)
    if earlier:
        print_line(f"earlier records: {', '.join(earlier)}")


def print_experiment(
    record: ExperimentRecord, place: str, top: int, trial: str | None = None
) -> None:
    """Prints an experiment.

    Args:
        record: Its record.
        place: Its folder.
        top: How many trials to list.
        trial: Whose lineage to print; None for the best trial's.
    """
    searcher = record.started.searcher if record.started else "an unknown searcher"
    goals = ", ".join(f"{name} ({mode})" for name, mode in record.objectives.items())
    print_line(f"{searcher} on {goals}, {len(record.trials)} trials in {place}")
    ranked = record.ranked()
    console.print(_table(record, ranked[:top]))
    ends = Counter(
        one.status + (f" ({one.reason})" if one.reason else "") for one in record.trials.values()
    )
    print_line("ended: " + ", ".join(f"{count} {end}" for end, count in ends.most_common()))
    _print_scores(record)
    start = trial or (ranked[0].trial_id if ranked else None)
    if start is None:
        print_line("no trial has completed")
    else:
        _print_lineage(record, start)


def _print_scores(record: ExperimentRecord) -> None:
    """What scored candidates before the first trial, and how well it agreed with the results."""
    if record.scored is None:
        return
    count, seconds = len(record.scored.configs), record.scored.seconds
    print_line(f"scores: {record.scored.score} of {count} candidates in {seconds:.0f} s")
    for audit in record.audits:
        interval = f"{audit.correlation:.2f} [{audit.low:.2f}, {audit.high:.2f}]"
        end = ": dropped" if audit.dropped else ""
        print_line(f"  rank correlation with {audit.results} results {interval}{end}")


def print_outcome(place: str, *, as_json: bool) -> None:
    """Prints an experiment that has just ended.

    Args:
        place: Its folder.
        as_json: Whether to print its ranked trials as JSON.
    """
    try:
        record = load(place)
    except (OSError, ValueError) as error:
        print_line(f"the search has ended, but its record cannot be read now: {error}")
        print_line(f"when it can be, see it with: ray-nas show {place}")
        return
    if as_json:
        print_json(_as_json(record, place, len(record.trials)))
        return
    print_experiment(record, place, top=5)
    print_line(f"why it is the best: ray-nas explain {place} best")


def _as_json(record: ExperimentRecord, place: str, top: int) -> dict[str, Any]:
    started = record.started
    assert started is not None, "load() refuses a record without it"
    return {
        "experiment": place,
        "searcher": started.searcher,
        "space": started.space,
        "objectives": started.objectives,
        "seed": started.seed,
        "trials": [
            {
                "trial": one.trial_id,
                "config": one.config,
                "metrics": one.metrics,
                "move": one.move,
            }
            for one in record.ranked()[:top]
        ],
    }


def _table(record: ExperimentRecord, trials: list[TrialRecord]) -> Table:
    metrics = list(record.objectives)
    columns = ("rank", "trial", *metrics, "reports", "move", "architecture")
    table = Table(*map(visible, columns))
    for rank, one in enumerate(trials, start=1):
        values = [f"{one.metrics[name]:.6g}" if name in one.metrics else "-" for name in metrics]
        cells = (
            str(rank),
            one.trial_id,
            *values,
            str(len(one.reports)),
            one.move,
            _config(one.config),
        )
        table.add_row(*map(visible, cells))
    return table


def _print_lineage(record: ExperimentRecord, trial_id: str) -> None:
    print_line("")
    print_line(f"lineage of {trial_id}:")
    for one in record.lineage(trial_id):
        values = [
            f"{name} {one.metrics[name]:.6g}" for name in record.objectives if name in one.metrics
        ]
        origin = f"{one.move} of {', '.join(one.parents)}" if one.parents else one.move
        print_line(f"  {one.trial_id}  {' '.join(values) or one.status}  {origin}")
        for name in one.parents:
            if name in record.trials:
                print_line(f"      {_difference(record.trials[name].config, one.config)}")


def _config(config: dict[str, Any]) -> str:
    return " ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in sorted(config.items())
    )


def _difference(parent: dict[str, Any], child: dict[str, Any]) -> str:
    names = sorted(name for name in {*parent, *child} if parent.get(name) != child.get(name))
    return ", ".join(f"{name}: {parent.get(name, '-')} -> {child.get(name, '-')}" for name in names)
