"""Section 3: best so far against cost, with random search beside it."""

import math
from dataclasses import dataclass

from ray_nas.report.analysis import search_curve
from ray_nas.report.analysis.search_results import SECONDS, search_results
from ray_nas.report.charts.figure import Figure
from ray_nas.report.charts.scales import format_number, format_seconds
from ray_nas.report.experiment_data import ExperimentData
from ray_nas.report.figures.progress_figure import progress_figure


@dataclass(frozen=True)
class ProgressSection:
    """What the template needs."""

    charts: list[tuple[str, Figure]]
    """Name of the tab, and the chart."""
    sentences: list[str]
    missing: list[str]


def progress_section(data: ExperimentData) -> ProgressSection:
    """How the search came to its best value."""
    found = search_curve.best_so_far(data.results)
    if not found.improvements:
        return ProgressSection([], [], ["No trial has reported a finite value yet."])
    other = data.random_search
    run = None if other is None else search_curve.best_so_far(search_results(other))
    charts = [
        ("by cost", progress_figure(found, run, by_cost=True, close_up=False)),
        ("close-up", progress_figure(found, run, by_cost=True, close_up=True)),
        ("by trials", progress_figure(found, run, by_cost=False, close_up=False)),
    ]
    missing = []
    if math.isnan(found.baseline):
        missing.append(
            "No baseline: pass baseline= to the searcher, and its first trial is the network that "
            "you would use without a search."
        )
    if data.random_search is None and found.random is None:
        missing.append(
            "No random search to compare with: run RandomSearch on the same space, and pass its "
            "folder: write_report(..., random_search=FOLDER), or --random-search FOLDER."
        )
    return ProgressSection(charts, _sentences(found), missing)


def _sentences(found: search_curve.BestSoFar) -> list[str]:
    results = found.results
    count, last = len(results.trials), found.improvements[-1]
    sentences = [
        f"The best {results.metric}, {format_number(float(found.best[-1]))}, was found by trial "
        f"{last + 1:,} of {count:,}; {count - last - 1:,} trials since then did not improve it."
    ]
    total = float(found.costs[-1])
    if results.cost_unit == SECONDS:
        after = float(found.costs[-1] - found.costs[last])
        sentences.append(
            f"All trials took {format_seconds(total)} of training together, "
            f"{format_seconds(after)} of it after the best one."
        )
    if found.random is not None:
        seen, mean = found.random.seen, float(found.random.mean[-1])
        gain = results.sign * (float(found.best[-1]) - mean)
        end = f"ended {format_number(gain)} better" if gain > 0 else "found nothing better"
        sentences.append(
            f"The best of the {seen:,} random trials is {format_number(mean)}; the search {end}."
        )
    return sentences
