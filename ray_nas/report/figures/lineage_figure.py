"""Where a trial comes from: its ancestors among all trials."""

from typing import Final

import numpy as np

from ray_nas.record import ExperimentRecord
from ray_nas.report.analysis.ancestry import main_line
from ray_nas.report.analysis.search_results import SearchResults, search_results
from ray_nas.report.charts.figure import Figure
from ray_nas.report.charts.plot import Plot
from ray_nas.report.charts.scales import format_number, robust_span
from ray_nas.report.figures.trial_dots import draw_trials

_HEIGHT: Final = 320
_MAX_ANCESTORS: Final = 120
"""The nearest ancestors that are drawn."""


def lineage(record: ExperimentRecord, trial: str | None = None) -> Figure:
    """A trial's ancestors among all trials, with a line from each parent to its child.

    Args:
        record: The experiment.
        trial: A trial id; None for the best trial.

    Raises:
        ValueError: There is no such trial, or no trial has completed.

    Example:
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = RandomSearch(NASBench201(), "loss", "min", seed=0)
        >>> config = searcher.suggest("a")
        >>> searcher.on_trial_complete("a", {"loss": 0.5})
        >>> lineage(searcher.ledger.record).title
        'Ancestors of a.'
    """
    if trial is None:
        ranked = record.ranked()
        if not ranked:
            raise ValueError("no trial has completed: there is no best trial")
        trial = ranked[0].trial_id
    if trial not in record.trials:
        raise ValueError(f"trial must be one of the {len(record.trials)} trials, got {trial!r}")
    return lineage_figure(search_results(record), trial)


def lineage_figure(results: SearchResults, trial: str) -> Figure:
    """The figure of numbers that are at hand.

    Args:
        results: The trials.
        trial: The id of one of them.
    """
    found = results.record.lineage(trial)
    caption = f"{len(found) - 1:,} ancestors, by the order of proposals; lines lead from parents "
    caption += "to children, and the line of first parents is thick."
    if len(found) > _MAX_ANCESTORS:
        caption += f" Only the {_MAX_ANCESTORS} nearest are drawn."
    return Figure(f"Ancestors of {trial}.", caption, lambda width: _draw(results, trial, width))


def _draw(results: SearchResults, trial: str, width: int) -> str:
    record = results.record
    values = {
        one.trial_id: (float(number), float(value))
        for number, (one, value) in enumerate(
            zip(results.trials, results.values, strict=True), start=1
        )
        if np.isfinite(value)
    }
    drawn = [one for one in record.lineage(trial)[:_MAX_ANCESTORS] if one.trial_id in values]
    plot = Plot(
        width,
        _HEIGHT,
        (0.0, float(len(results.trials) + 1)),
        robust_span(
            results.values[results.is_usable].tolist(), [values[one.trial_id][1] for one in drawn]
        ),
        "trials, in the order of proposals",
        results.metric,
        f"Ancestors of {trial} by {results.metric}",
        whole_x=True,
    )
    draw_trials(plot, np.arange(1.0, len(results.trials) + 1), results)
    names = {one.trial_id for one in drawn}
    for one in drawn:
        for parent in one.parents:
            if parent in names:
                plot.line([values[parent], values[one.trial_id]], "c1 thin faint")
    line = [step.trial.trial_id for step in main_line(record, trial)]
    plot.line([values[name] for name in line if name in values], "c1 thick")
    for one in drawn:
        x, y = values[one.trial_id]
        tip = f"{one.trial_id}, {one.move}: {results.metric} {format_number(y)}"
        radius = 6 if one.trial_id == trial else 4
        plot.point(x, y, "ring c1", tip, radius=radius, trial=one.trial_id)
    plot.legend(
        [("c1 thick", "line of first parents"), ("c1 thin", "other ancestors"), ("grey", "trials")]
    )
    return plot.svg()
