"""The Pareto front: two objectives against each other."""

from typing import Final

import numpy as np

from ray_nas.record import ExperimentRecord
from ray_nas.report.analysis.front_members import Front, front_of
from ray_nas.report.charts.figure import Figure
from ray_nas.report.charts.plot import Plot
from ray_nas.report.charts.scales import format_number, robust_span, span
from ray_nas.report.figures.trial_dots import MAX_DOTS, draw_density

_HEIGHT: Final = 360


def pareto_front(
    record: ExperimentRecord,
    x: str | None = None,
    y: str | None = None,
    *,
    close_up: bool = False,
) -> Figure:
    """The trials by two objectives, with those that no other trial beats in all objectives.

    Args:
        record: An experiment with several objectives.
        x: The objective along x; None for the second one.
        y: The objective along y; None for the first one.
        close_up: Whether to show the surroundings of the front only.

    Raises:
        ValueError: The experiment has one objective, or `x` or `y` is not one of its objectives.

    Example:
        >>> from ray_nas.searchers import NSGA2
        >>> from ray_nas.spaces import NASBench201
        >>> objectives = {"accuracy": "max", "ms": "min"}
        >>> searcher = NSGA2(NASBench201(), objectives=objectives, seed=0)
        >>> config = searcher.suggest("a")
        >>> searcher.on_trial_complete("a", {"accuracy": 0.9, "ms": 3.0})
        >>> pareto_front(searcher.ledger.record).title
        'accuracy against ms.'
    """
    names = list(record.objectives)
    if len(names) < 2:
        raise ValueError(f"a Pareto front needs several objectives, got {names}")
    x, y = x or names[1], y or names[0]
    for name in (x, y):
        if name not in names:
            raise ValueError(f"{name!r} must be one of the objectives {names}")
    return front_figure(front_of(record), record, x, y, close_up=close_up)


def front_figure(
    front: Front, record: ExperimentRecord, x: str, y: str, *, close_up: bool
) -> Figure:
    """The figure of a front that is at hand; the other arguments as in `pareto_front`."""
    names = list(front.objectives)
    caption = f"The front has {len(front.members):,} of {len(front.trials):,} trials; "
    caption += "no trial beats one of them in all objectives"
    caption += f" ({len(names)} objectives, two are drawn)." if len(names) > 2 else "."
    return Figure(
        f"{y} against {x}.", caption, lambda width: _draw(front, x, y, width, close_up, record)
    )


def _draw(
    front: Front, x: str, y: str, width: int, close_up: bool, record: ExperimentRecord
) -> str:
    names = list(front.objectives)
    xs, ys = front.values[:, names.index(x)], front.values[:, names.index(y)]
    on_front = front.members
    shown = (xs[on_front].tolist(), ys[on_front].tolist())
    x_span, y_span = (
        span(near, 0.4) if close_up else robust_span(all_values.tolist(), near)
        for all_values, near in zip((xs, ys), shown, strict=True)
    )
    is_inside = (x_span[0] <= xs) & (xs <= x_span[1]) & (y_span[0] <= ys) & (ys <= y_span[1])
    plot = Plot(
        width,
        _HEIGHT,
        x_span,
        y_span,
        f"{x} ({front.objectives[x]})",
        f"{y} ({front.objectives[y]})",
        f"Pareto front of {y} against {x}",
    )
    members = set(on_front)
    if is_inside.sum() > MAX_DOTS:
        draw_density(plot, xs[is_inside], ys[is_inside], y)
    else:
        for index in np.flatnonzero(is_inside).tolist():
            if index not in members:
                tip = _tip(front, index)
                link = front.trials[index].trial_id
                plot.point(xs[index], ys[index], "point grey", tip, radius=3, trial=link)
    if len(names) == 2:
        plot.line(sorted((xs[index], ys[index]) for index in on_front), "c1")
    baseline = record.baseline
    for index in on_front:
        link = front.trials[index].trial_id
        plot.point(xs[index], ys[index], "ring c1", _tip(front, index), radius=5, trial=link)
    legend = [("c1 thick", "on the front"), ("grey thick", "other trials")]
    if baseline is not None and baseline in front.trials:
        index = front.trials.index(baseline)
        tip = f"baseline, {_tip(front, index)}"
        plot.point(xs[index], ys[index], "fill c2", tip, radius=5, trial=baseline.trial_id)
        legend.append(("c2 thick", "baseline"))
    plot.legend(legend)
    return plot.svg()


def _tip(front: Front, index: int) -> str:
    pairs = zip(front.objectives, front.values[index].tolist(), strict=True)
    numbers = ", ".join(f"{name} {format_number(value)}" for name, value in pairs)
    return f"{front.trials[index].trial_id}: {numbers}"
