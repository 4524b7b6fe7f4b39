"""Best so far against cost, with every trial, the baseline and random search."""

from typing import Final

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.record import ExperimentRecord
from ray_nas.report.analysis import search_curve
from ray_nas.report.analysis.search_curve import BestSoFar
from ray_nas.report.analysis.search_results import SECONDS, search_results
from ray_nas.report.charts.figure import Figure
from ray_nas.report.charts.plot import Plot
from ray_nas.report.charts.scales import format_number, robust_span, span
from ray_nas.report.figures.trial_dots import MAX_DOTS, draw_trials

_HEIGHT: Final = 330


def best_so_far(
    record: ExperimentRecord,
    *,
    by: str = "cost",
    close_up: bool = False,
    random_search: ExperimentRecord | None = None,
) -> Figure:
    """The best value so far against cost, with random search beside it.

    Args:
        record: The experiment.
        by: What x counts: "cost" or "trials".
        close_up: Whether y covers only the best quarter of the trials.
        random_search: The record of a random search on the same space; None for its expectation
            from the random trials of the search.

    Raises:
        ValueError: `by` is something else.

    Example:
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = RandomSearch(NASBench201(), "loss", "min", seed=0)
        >>> for number, loss in enumerate([0.5, 0.2]):
        ...     config = searcher.suggest(str(number))
        ...     searcher.on_trial_complete(str(number), {"loss": loss})
        >>> best_so_far(searcher.ledger.record).title
        'Best loss so far.'
    """
    if by not in ("cost", "trials"):
        raise ValueError(f'by must be "cost" or "trials", got {by!r}')
    run = None if random_search is None else search_curve.best_so_far(search_results(random_search))
    found = search_curve.best_so_far(search_results(record))
    return progress_figure(found, run, by_cost=by == "cost", close_up=close_up)


def progress_figure(
    found: BestSoFar, run: BestSoFar | None, *, by_cost: bool, close_up: bool
) -> Figure:
    """The figure of numbers that are at hand.

    Args:
        found: The search.
        run: A random search beside it; None for the search's own expectation.
        by_cost: Whether x is the cost, else the number of trials.
        close_up: Whether y covers only the best quarter of the trials.
    """
    chart = _ProgressChart(found, run, by_cost, close_up)
    return Figure(f"Best {found.results.metric} so far.", chart.caption(), chart.draw)


class _ProgressChart:
    def __init__(
        self, found: BestSoFar, run: BestSoFar | None, by_cost: bool, close_up: bool
    ) -> None:
        self._found = found
        self._close_up = close_up
        self._unit, size = _unit(found.results.cost_unit, float(found.costs[-1:].sum()), by_cost)
        numbers = np.arange(1.0, len(found.costs) + 1)
        self._x = found.costs / size if by_cost else numbers
        self._random = found.random
        self._random_x = np.empty(0)
        if found.random is not None:
            self._random_x = found.random.costs / size if by_cost else found.random.trials
        self._run: tuple[Array, Array] | None = None
        if run is not None:
            xs = run.costs / size if by_cost else np.arange(1.0, len(run.costs) + 1)
            self._run = xs, run.best

    def caption(self) -> str:
        """What the chart shows, and where the grey line comes from."""
        results = self._found.results
        text = f"Each dot is a trial's last {results.metric} ({results.mode})"
        if results.is_usable.sum() > MAX_DOTS:
            text = f"Cells count trials by their last {results.metric} ({results.mode})"
        text += f", against {self._unit} paid up to it, in the order of proposals."
        if self._run is not None:
            return f"{text} The grey line is the random search that was run beside it."
        if self._random is None:
            return (
                f"{text} No random search to compare with: the search has fewer than "
                f"{search_curve.MIN_RANDOM} random trials."
            )
        seen = self._random.seen
        return (
            f"{text} The grey line is the expected best of random search, with a 90 % band, from "
            f"the {seen} random trials of this search; beyond them it is dotted, and only a lower "
            "bound of what random search would find."
        )

    def draw(self, width: int) -> str:
        """The chart as SVG."""
        found, results = self._found, self._found.results
        plot = Plot(
            width,
            _HEIGHT,
            (0.0, float(self._x[-1]) if len(self._x) else 1.0),
            self._y_span(),
            self._unit,
            results.metric,
            f"Best {results.metric} so far. {self.caption()}",
        )
        legend = [("c1 thick", "best so far"), *self._draw_random(plot)]
        draw_trials(plot, self._x, results)
        if plot.y.low <= found.baseline <= plot.y.high:
            tip = f"baseline: {results.metric} {format_number(found.baseline)}"
            plot.level(found.baseline, "c2 dashed", tip)
            legend.append(("c2 dashed", f"baseline {format_number(found.baseline)}"))
        plot.steps([(self._x[i], found.best[i]) for i in found.improvements], "c1 thick")
        for index in found.improvements:
            trial, value = results.trials[index].trial_id, float(found.best[index])
            tip = f"best so far: {trial}, {results.metric} {format_number(value)}"
            plot.point(float(self._x[index]), value, "ring c1", tip, radius=4, trial=trial)
        plot.legend(legend)
        return plot.svg()

    def _y_span(self) -> tuple[float, float]:
        found = self._found
        values = found.results.values[found.results.is_usable] * found.results.sign
        if self._close_up:
            top = values[values >= np.quantile(values, 0.75)]
            return span((top * found.results.sign).tolist())
        keep = [value for value in (found.baseline, *found.best[-1:]) if np.isfinite(value)]
        return robust_span((values * found.results.sign).tolist(), keep)

    def _draw_random(self, plot: Plot) -> list[tuple[str, str]]:
        """Draws random search; returns its entry of the legend."""
        if self._run is not None:
            plot.line(zip(*self._run, strict=True), "grey")
            return [("grey", "random search, run")]
        if self._random is None:
            return []
        plot.band(self._random_x, self._random.low, self._random.high)
        plot.line(zip(self._random_x, self._random.mean, strict=True), "grey")
        last = float(self._random.mean[-1])
        plot.line([(self._random_x[-1], last), (plot.x.high, last)], "grey dotted")
        return [("grey", "random search, expected")]


def _unit(cost_unit: str, total: float, by_cost: bool) -> tuple[str, float]:
    """The title of x, and how much of the cost one unit is."""
    if not by_cost:
        return "trials", 1.0
    if cost_unit != SECONDS:
        return cost_unit, 1.0
    for name, size in (("hours of training", 3600.0), ("minutes of training", 60.0)):
        if total > 3 * size:
            return name, size
    return cost_unit, 1.0
