"""Learning curves: the winner's, those that finished, and those that were stopped."""

from collections.abc import Sequence
from typing import Final, TypeVar

from ray_nas.record import ExperimentRecord
from ray_nas.report.analysis.search_results import search_results
from ray_nas.report.analysis.stopping_costs import StoppedTrials, stopped_trials
from ray_nas.report.charts.figure import Figure
from ray_nas.report.charts.plot import Plot
from ray_nas.report.charts.scales import format_number, robust_span

_HEIGHT: Final = 330
_MAX_CURVES: Final = 60
"""Curves of each kind; more are thinned out evenly by their last value."""
_MAX_POINTS: Final = 60
_Item = TypeVar("_Item")


def learning_curves(record: ExperimentRecord, *, time_attr: str = "training_iteration") -> Figure:
    """The learning curves of finished and of stopped trials.

    Args:
        record: The experiment.
        time_attr: The reported metric that counts the budget.

    Example:
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = RandomSearch(NASBench201(), "loss", "min", seed=0)
        >>> config = searcher.suggest("a")
        >>> searcher.on_trial_complete("a", {"loss": 0.5})
        >>> learning_curves(searcher.ledger.record).title
        'Learning curves.'
    """
    return curves_figure(stopped_trials(search_results(record), time_attr=time_attr))


def curves_figure(found: StoppedTrials) -> Figure:
    """The figure of numbers that are at hand."""
    caption = f"{len(found.stopped):,} stopped trials, with a ring where they ended, and "
    caption += f"{len(found.finished):,} that reached full length."
    if max(len(found.stopped), len(found.finished)) > _MAX_CURVES:
        caption += f" At most {_MAX_CURVES} of each are drawn, evenly by their last value."
    return Figure("Learning curves.", caption, lambda width: _draw(found, width))


def _draw(found: StoppedTrials, width: int) -> str:
    stopped = _thinned(sorted(found.stopped, key=lambda one: one.curve[-1][1]))
    finished = _thinned(sorted(found.finished, key=lambda one: one[1][-1][1]))
    best = next((curve for one, curve in found.finished if one is found.winner), [])
    values = [value for one in stopped for _, value in one.curve]
    values += [value for _, curve in finished for _, value in curve]
    times = [time for _, curve in finished for time, _ in curve]
    times += [time for one in stopped for time, _ in one.curve]
    plot = Plot(
        width,
        _HEIGHT,
        (min(times, default=0.0), max(times, default=1.0)),
        robust_span(values, [value for _, value in best[-1:]]),
        found.time_attr,
        found.metric,
        f"Learning curves of {found.metric}",
        whole_x=all(float(time).is_integer() for time in times),
    )
    for trial, curve in finished:
        tip = f"{trial.trial_id}: {found.metric} {format_number(curve[-1][1])}"
        plot.line(_thinned(curve, _MAX_POINTS), "grey thin", tip)
    for one in stopped:
        plot.line(_thinned(one.curve, _MAX_POINTS), "c2 thin faint")
    for one in stopped:
        tip = f"{one.trial.trial_id}, ended at {found.time_attr} {one.time:g}: {found.metric} "
        tip += format_number(one.curve[-1][1])
        tip += f"; {one.trial.reason}" if one.trial.reason else ""
        name = one.trial.trial_id
        plot.point(one.time, one.curve[-1][1], "ring c2", tip, radius=3, trial=name)
    plot.line(_thinned(best, _MAX_POINTS), "c1 thick")
    plot.legend([("c1 thick", "winner"), ("grey", "full length"), ("c2", "ended early")])
    return plot.svg()


def _thinned(items: Sequence[_Item], number: int = _MAX_CURVES) -> Sequence[_Item]:
    """At most so many items, evenly, with the first and the last."""
    if len(items) <= number:
        return items
    return [items[index * (len(items) - 1) // (number - 1)] for index in range(number)]
