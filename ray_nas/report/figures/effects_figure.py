"""The mean of each value of each choice, with its interval."""

from typing import Final

import numpy as np

from ray_nas.record import ExperimentRecord
from ray_nas.report.analysis import effects
from ray_nas.report.analysis.effects import ChoiceEffects, ValueEffect
from ray_nas.report.analysis.search_results import search_results
from ray_nas.report.charts.figure import Figure
from ray_nas.report.charts.plot import Plot
from ray_nas.report.charts.scales import format_number, format_share, robust_span
from ray_nas.report.charts.svg_marks import CHARACTER, PHONE, shorten

_ROW: Final = 19.0
"""Height of a value's row, in pixels."""
_HEAD: Final = 27.0


def choice_effects(record: ExperimentRecord, *, top: int = 8, random_only: bool = False) -> Figure:
    """The mean of the first objective for each value of a choice, with 90 % intervals.

    Args:
        record: The experiment.
        top: How many choices to draw, those that explain most.
        random_only: Whether to use its random trials alone.

    Example:
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = RandomSearch(NASBench201(), "loss", "min", seed=0)
        >>> for number, loss in enumerate([0.5, 0.2]):
        ...     config = searcher.suggest(str(number))
        ...     searcher.on_trial_complete(str(number), {"loss": loss})
        >>> choice_effects(searcher.ledger.record).title
        'Mean loss of each choice.'
    """
    found = effects.choice_effects(search_results(record), random_only=random_only)
    return effects_figure(found, top=top, random_only=random_only)


def effects_figure(found: ChoiceEffects, *, top: int, random_only: bool) -> Figure:
    """The figure of numbers that are at hand; arguments as in `choice_effects`."""
    which = "random trials" if random_only else "trials"
    caption = (
        f"Over {found.trials:,} {which}, by their last report; the lines are 90 % intervals of the "
        "mean, the dashed line is the mean of all."
    )
    title = f"Mean {found.metric} of each choice."
    return Figure(title, caption, lambda width: _draw(found, top, width))


def _draw(found: ChoiceEffects, top: int, width: int) -> str:
    choices = found.choices[:top]
    rows = [value for choice in choices for value in choice.values]
    longest = 14 if width < PHONE else 22
    labels = max((len(shorten(value.label, longest)) for value in rows), default=0)
    counts = max((len(f"{value.count:,}") for value in rows), default=0)
    height = int(_HEAD * len(choices) + _ROW * len(rows) + 54)
    known = [row for row in rows if row.count >= effects.MIN_COUNT]
    ends = [end for row in known for end in (row.low, row.high)]
    plot = Plot(
        width,
        height,
        robust_span(ends, [row.mean for row in rows if np.isfinite(row.mean)]),
        (0.0, 1.0),
        f"mean {found.metric}",
        "",
        f"Mean {found.metric} for each value of {len(choices)} choices",
        left=12 + CHARACTER * (labels + counts) + 20,
        numbered_y=False,
    )
    x = plot.x(found.mean)
    plot.path(f"M{x:.1f} 8V{height - 42}", "line grey dashed")
    y = 4.0
    for choice in choices:
        y += _HEAD
        title = shorten(choice.name, 26 if plot.is_narrow else 60)
        plot.text(4, y - 7, f"{title}: explains {format_share(choice.share)}", "strong halo")
        best = _best(choice.values, found.mode)
        for value in choice.values:
            y += _ROW
            _draw_value(plot, value, y - 8, found.metric, longest, is_best=value is best)
    return plot.svg()


def _best(values: list[ValueEffect], mode: str) -> ValueEffect | None:
    tried = [value for value in values if value.count >= effects.MIN_COUNT]
    choose = max if mode == "max" else min
    return choose(tried, key=lambda value: value.mean, default=None)


def _draw_value(
    plot: Plot, value: ValueEffect, y: float, metric: str, longest: int, *, is_best: bool
) -> None:
    plot.text(12, y + 4, shorten(value.label, longest), "ink")
    plot.text(plot.left - 8, y + 4, f"{value.count:,}", anchor="end")
    if not value.count:
        return
    hue = "c1" if is_best else "grey"
    tip = f"{value.label}: mean {metric} {format_number(value.mean)}"
    if np.isfinite(value.low):
        interval = f"[{format_number(value.low)}, {format_number(value.high)}]"
        tip += f" {interval}, {value.count:,} trials"
        plot.path(f"M{plot.x(value.low):.1f} {y:.1f}H{plot.x(value.high):.1f}", f"line {hue}")
    plot.dot(plot.x(value.mean), y, f"fill {hue}", tip, radius=4.5)
