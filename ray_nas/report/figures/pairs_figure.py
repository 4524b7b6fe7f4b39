"""Two choices whose effects depend on each other, as a table of means in colour."""

import math
from typing import Final

import numpy as np

from ray_nas.record import ExperimentRecord
from ray_nas.report.analysis import effects
from ray_nas.report.analysis.effects import ChoiceEffects, PairEffect
from ray_nas.report.analysis.search_results import search_results
from ray_nas.report.charts.figure import Figure
from ray_nas.report.charts.scales import format_number, format_share
from ray_nas.report.charts.svg_marks import CHARACTER, Drawing, shorten

_ROW: Final = 30


def choice_pairs(record: ExperimentRecord, *, random_only: bool = False) -> list[Figure]:
    """The pairs of choices with the strongest interaction, at most three.

    Args:
        record: The experiment.
        random_only: Whether to use its random trials alone.

    Example:
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = RandomSearch(NASBench201(), "loss", "min", seed=0)
        >>> config = searcher.suggest("a")
        >>> searcher.on_trial_complete("a", {"loss": 0.5})
        >>> choice_pairs(searcher.ledger.record)
        []
    """
    return pair_figures(effects.choice_effects(search_results(record), random_only=random_only))


def pair_figures(found: ChoiceEffects) -> list[Figure]:
    """The figures of numbers that are at hand."""
    return [_figure(pair, found.metric, found.mode) for pair in found.pairs]


def _figure(pair: PairEffect, metric: str, mode: str) -> Figure:
    title = f"{pair.first.name} with {pair.second.name}."
    caption = (
        f"Mean {metric} and number of trials; the better the mean, the stronger the colour. The "
        "pair explains "
        f"{format_share(pair.interaction)} of the variance beyond the two choices alone."
    )
    return Figure(title, caption, lambda width: _draw(pair, metric, mode, width))


def _draw(pair: PairEffect, metric: str, mode: str, width: int) -> str:
    rows, columns = pair.means.shape
    longest = 12 if width < 480 else 22
    labels = max(len(shorten(value.label, longest)) for value in pair.first.values)
    left = 14 + CHARACTER * labels
    drawing = Drawing(width, _ROW * (rows + 1) + 26, f"{metric} by {pair.first.name} and others")
    cell = (width - left - 6) / columns
    drawing.text(width - 6, 14, f"{shorten(pair.second.name, 40)} →", anchor="end")
    drawing.text(4, 14, f"{shorten(pair.first.name, 20)} ↓")
    finite = pair.means[np.isfinite(pair.means)]
    low, high = float(finite.min()), float(finite.max())
    for column, value in enumerate(pair.second.values):
        fitting = max(int(cell / CHARACTER), 2)
        x = left + cell * (column + 0.5)
        drawing.text(x, 40, shorten(value.label, fitting), "ink", "middle")
    for row, value in enumerate(pair.first.values):
        y = 50 + _ROW * row
        drawing.text(left - 8, y + 19, shorten(value.label, longest), "ink", "end")
        for column in range(columns):
            x, mean = left + cell * column, float(pair.means[row, column])
            count = int(pair.counts[row, column])
            if math.isnan(mean):
                drawing.text(x + cell / 2, y + 19, "–", "", "middle")
                continue
            share = (mean - low) / ((high - low) or 1.0)
            share = share if mode == "max" else 1 - share
            tip = f"{value.label} with {pair.second.values[column].label}: mean {metric} "
            tip += f"{format_number(mean)}, {count:,} trials"
            drawing.rectangle(x, y, cell - 2, _ROW - 2, "fill c1", tip, opacity=0.06 + 0.4 * share)
            text = format_number(mean, 3)
            text += f" ({count:,})" if cell > 85 else ""
            drawing.text(x + cell / 2 - 1, y + 19, text, "ink", "middle")
    return drawing.svg()
