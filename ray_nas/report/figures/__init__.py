"""The charts of the report as functions of a record, for notebooks: each returns a `Figure`."""

from ray_nas.report.charts.figure import Figure
from ray_nas.report.figures.curves_figure import learning_curves
from ray_nas.report.figures.effects_figure import choice_effects
from ray_nas.report.figures.front_figure import pareto_front
from ray_nas.report.figures.lineage_figure import lineage
from ray_nas.report.figures.pairs_figure import choice_pairs
from ray_nas.report.figures.progress_figure import best_so_far
from ray_nas.report.figures.timeline_figure import timeline

__all__ = [
    "Figure",
    "best_so_far",
    "choice_effects",
    "choice_pairs",
    "learning_curves",
    "lineage",
    "pareto_front",
    "timeline",
]
