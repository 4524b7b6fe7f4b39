"""Trials as dots, or as a density where they are too many to tell apart."""

import math
from typing import Final

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.report.analysis.search_results import SearchResults
from ray_nas.report.charts.plot import Plot
from ray_nas.report.charts.scales import format_number

MAX_DOTS: Final = 600
"""More trials than this are counted in cells."""
_CELL: Final = 12
"""Width and height of a cell, in pixels."""
_LEVELS: Final = 6
"""Shades of a cell."""


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
    columns = ((plot.x.pixels(x) - plot.left) // _CELL).astype(int)
    rows = ((plot.y.pixels(y) - plot.y.end) // _CELL).astype(int)
    columns = columns.clip(max=math.ceil((plot.x.end - plot.left) / _CELL) - 1)
    rows = rows.clip(max=math.ceil((plot.y.start - plot.y.end) / _CELL) - 1)
    cells, counts = np.unique(np.stack([columns, rows], axis=1), axis=0, return_counts=True)
    darkest = float(np.log1p(counts.max()))
    for (column, row), count in zip(cells.tolist(), counts.tolist(), strict=True):
        left, top = plot.left + _CELL * column, plot.y.end + _CELL * row
        width, height = min(_CELL, plot.x.end - left), min(_CELL, plot.y.start - top)
        low, high = plot.y.value(top + height), plot.y.value(top)
        tip = f"{count:,} trial{'s'[: count - 1]}, {metric} "
        tip += f"{format_number(low, 3)} to {format_number(high, 3)}"
        level = math.ceil(_LEVELS * math.log1p(count) / darkest)
        plot.rectangle(left, top, width, height, f"d{level}", tip)
