"""Trials as dots, or as a density where they are too many to tell apart."""

from typing import Final

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.report.analysis.search_results import SearchResults
from ray_nas.report.charts.plot import Plot
from ray_nas.report.charts.scales import format_number

MAX_DOTS: Final = 600
"""More trials than this are counted in cells."""
_CELL: Final = 9.0
"""Width and height of a cell, in pixels."""


def draw_trials(plot: Plot, x: Array, results: SearchResults) -> None:
    """Draws each usable trial at its value of the first objective.

    Trials outside of the chart are counted in its corner.

    Args:
        plot: The chart, whose y is the first objective.
        x: The place of each trial along x, shape (trials,).
        results: The trials.
    """
    is_inside = (plot.y.low <= results.values) & (results.values <= plot.y.high)
    inside = np.flatnonzero(is_inside)
    outside = int((results.is_usable & ~is_inside).sum())
    if len(inside) > MAX_DOTS:
        draw_density(plot, x[inside], results.values[inside], results.metric)
    else:
        for index in inside.tolist():
            value, trial = float(results.values[index]), results.trials[index].trial_id
            tip = f"{trial}: {results.metric} {format_number(value)}"
            plot.point(float(x[index]), value, "point grey", tip, radius=3, trial=trial)
    if outside:
        text = f"{outside:,} trial{'s'[: outside - 1]} outside of this range"
        plot.text(plot.x.end, plot.y.start - 8, text, "halo", "end")


def draw_density(plot: Plot, x: Array, y: Array, metric: str) -> None:
    """Counts points in cells; the more there are, the darker the cell.

    Args:
        plot: The chart.
        x: Shape (points,).
        y: Shape (points,).
        metric: What y is, for the tips.
    """
    columns = max(int(abs(plot.x.end - plot.x.start) / _CELL), 1)
    rows = max(int(abs(plot.y.end - plot.y.start) / _CELL), 1)
    x_edges = np.linspace(plot.x.low, plot.x.high, columns + 1)
    y_edges = np.linspace(plot.y.low, plot.y.high, rows + 1)
    counts, _, _ = np.histogram2d(x, y, bins=(x_edges, y_edges))
    darkest = np.log1p(counts.max())
    for column, row in np.argwhere(counts).tolist():
        count = int(counts[column, row])
        low, high = y_edges[row], y_edges[row + 1]
        tip = f"{count:,} trial{'s'[: count - 1]}, {metric} {format_number(low)} to "
        opacity = 0.12 + 0.6 * float(np.log1p(count) / darkest)
        box = (x_edges[column], x_edges[column + 1]), (low, high)
        plot.box(*box, "fill grey", tip + format_number(high), opacity=opacity)
