"""The checklist of Lindauer & Hutter (2020), answered as far as the record can.

"Best Practices for Scientific Research on Neural Architecture Search",
https://arxiv.org/abs/1909.02453; the items are in our own words.
"""

from dataclasses import dataclass
from typing import Literal

from ray_nas.report.analysis import search_curve
from ray_nas.report.analysis.search_results import SECONDS
from ray_nas.report.experiment_data import ExperimentData

Answer = Literal["yes", "no", "yours"]
"""Whether the record shows it; "yours" where only the author can say."""


@dataclass(frozen=True)
class Item:
    """One item of the checklist."""

    group: str
    text: str
    answer: Answer
    note: str


def checklist(data: ExperimentData) -> list[Item]:
    """The items in the paper's order.

    Args:
        data: The experiment.

    Example:
        >>> from ray_nas.record import ExperimentRecord, events
        >>> record = ExperimentRecord()
        >>> record.apply(events.ExperimentStarted("RandomSearch", "f00d", {"loss": "min"}, 0))
        >>> items = checklist(ExperimentData("", record))
        >>> [item.note for item in items if "seed" in item.text][:1]
        ['The searcher had the seed 0; seeds of the training are in your code.']
    """
    return [*_code(data), *_comparison(data), *_details(data)]


def _code(data: ExperimentData) -> list[Item]:
    group = "Code released"
    started = data.record.started
    seed = started.seed if started else None
    seeded = f"The searcher had the seed {seed}" if seed is not None else "The searcher had no seed"
    searcher = started.searcher if started else "unknown"
    return [
        Item(group, "Training code of the final networks", "yours", "Link your trainable."),
        Item(
            group,
            "Code of the search space",
            "yours",
            f"Its fingerprint is {started.space if started else 'unknown'}.",
        ),
        Item(
            group,
            "Hyperparameters and seeds of the final training",
            "yours" if seed is not None else "no",
            f"{seeded}; seeds of the training are in your code.",
        ),
        Item(group, "Code of the search method", "yes", f"ray-nas, {searcher}."),
        Item(
            group,
            "Hyperparameters of the search method",
            "yours",
            "Arguments of the searcher and the scheduler are in your script.",
        ),
    ]


def _comparison(data: ExperimentData) -> list[Item]:
    group = "Fair comparison"
    has_baseline = data.record.baseline is not None
    has_random = data.random_search is not None
    estimated = search_curve.random_expectation(data.results) is not None
    note = (
        "Run on the same space."
        if has_random
        else (
            "Only its expectation, from the random trials of this search."
            if estimated
            else "Run RandomSearch, and pass its folder as random_search."
        )
    )
    retrained = data.retraining
    seeds = len({one.seed for one in retrained.trials}) if retrained else 0
    return [
        Item(
            group,
            "Same data, split, space and training code for all that is compared",
            "yours" if not has_baseline else "yes",
            "The baseline was trained by the same trainable."
            if has_baseline
            else "No baseline in this experiment.",
        ),
        Item(group, "Same hardware and library versions", "yours", "Say so where you compare."),
        Item(group, "Ablation studies", "yours", "Section 5 shows the effect of each choice."),
        Item(group, "Same evaluation protocol", "yours", "Say which metric and which data."),
        Item(group, "Performance over time, not only at the end", "yes", "Section 3."),
        Item(group, "Comparison with random search", "yes" if has_random else "no", note),
        Item(
            group,
            "Several runs with different seeds",
            "yes" if seeds > 1 else "no",
            f"The winner was retrained with {seeds} seeds; this is one search."
            if seeds
            else "This is one search; repeat it, and retrain the winner: ray-nas retrain.",
        ),
        Item(
            group,
            "Tabular or surrogate benchmarks for deeper studies",
            "yours",
            "ray_nas.simulation runs the same searcher in virtual time.",
        ),
    ]


def _details(data: ExperimentData) -> list[Item]:
    group = "Details reported"
    in_seconds = data.results.cost_unit == SECONDS
    held_out = data.retraining is not None and data.retraining.test_metric is not None
    setup = [name for name in ("command", "data", "hardware") if name in data.details]
    return [
        Item(
            group,
            "How hyperparameters were tuned, and what that cost",
            "yours",
            "Say what you tried before this search.",
        ),
        Item(
            group,
            "Time of the whole method, not of the search alone",
            "yes" if in_seconds else "no",
            "Sections 3 and 8 count every trial; add the retraining."
            if in_seconds
            else "The trials report no seconds.",
        ),
        Item(
            group,
            "A test set that guided nothing",
            "yes" if held_out else "no",
            f"{data.retraining.test_metric}, measured after the search."
            if held_out and data.retraining is not None
            else "Let the trainable report a test metric when the winner is retrained.",
        ),
        Item(
            group,
            "All details of the set-up",
            "yes" if len(setup) == 3 else "no",
            f"Given: {', '.join(setup) or 'nothing'}; pass details= for command, data, hardware.",
        ),
    ]
