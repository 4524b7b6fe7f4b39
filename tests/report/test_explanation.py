"""Why a trial was proposed, what was expected, why it ended, what was missing."""

from collections.abc import Callable

import pytest
from ray.tune.schedulers import ASHAScheduler

from ray_nas.record import ExperimentRecord, events
from ray_nas.report.explanation import explain, explanation
from ray_nas.schedulers import LearningCurveASHA, MultiObjectiveASHA
from ray_nas.searchers import Bananas, RandomSearch, ZeroCostWarmup
from ray_nas.simulation import simulate
from ray_nas.spaces import NASBench201


def record_of(*more: events.Event, objectives: dict[str, str] | None = None) -> ExperimentRecord:
    record = ExperimentRecord()
    goals = objectives or {"loss": "min"}
    record.apply(events.ExperimentStarted("RandomSearch", "f00d", goals, 0))
    for event in more:
        record.apply(event)
    return record


def ended(trial: str, loss: float, config: dict | None = None, **more: str) -> list[events.Event]:
    return [
        events.TrialProposed(trial, config or {"x": 1}, "random", ()),
        events.TrialReported(trial, {"loss": loss, "epoch": 1}),
        events.TrialEnded(trial, more.get("status", "completed"), more.get("reason", "")),
    ]


def test_parents_are_shown_as_they_were_then() -> None:
    record = record_of(
        events.TrialProposed("a", {"x": 1, "y": 2}, "random", ()),
        events.TrialReported("a", {"loss": 9.0}),
        events.TrialProposed("b", {"x": 3, "y": 2}, "mutation", ("a",)),
        events.TrialReported("a", {"loss": 1.0}),
        events.TrialProposed("c", {"x": 1, "z": 2}, "crossover", ("a", "b")),
        events.TrialProposed("d", {"x": 1}, "earlier", ("earlier_0",)),
    )
    assert explanation(record, "b")["proposed"] == [
        "it is a mutation of a.",
        "a had loss 9 then; changed: x 1 -> 3.",
    ]
    assert explanation(record, "c")["proposed"] == [
        "it is a crossover of a and b.",
        "a had loss 1 then; changed: y 2 -> -, z - -> 2.",
        "b had no result then; changed: x 3 -> 1, y 2 -> -, z - -> 2.",
    ]
    assert explanation(record, "d")["proposed"][1] == "earlier_0 is not in the record."


def test_every_move_of_a_searcher_has_its_words() -> None:
    for move in ("baseline", "random", "given", "warmup", "control", "model", "controller", "grid"):
        record = record_of(events.TrialProposed("a", {"x": 1}, move, ()))
        assert "move was" not in explanation(record, "a")["proposed"][0]
    unknown = record_of(events.TrialProposed("a", {"x": 1}, "luck", ()))
    assert explanation(unknown, "a")["proposed"] == ["the searcher's move was 'luck'."]


@pytest.mark.parametrize(
    ("status", "reason", "says", "needed"),
    [
        ("completed", "", "it ran to its end, after 1 report.", ""),
        (
            "completed",
            "cut off by the end of the experiment",
            "cut off by the end of the experiment, after 1 report.",
            "",
        ),
        (
            "completed",
            "rung 3: 0.7 is not among the best 1/3 (cut at 0.5); plain ASHA: few curves",
            "ASHAScheduler stopped it after 1 report: rung 3: 0.7 is not among",
            "to go on at epoch 3, loss of at most 0.5; it had 0.7.",
        ),
        (
            "completed",
            "rung 9: forecast 0.7 is not among the best 0.11 (cut at 0.5)",
            "stopped it after 1 report: rung 9: forecast",
            "to go on at epoch 9, a forecast of loss of at most 0.5; it had 0.7.",
        ),
        (
            "completed",
            "extrapolated: ends above trial b7 with probability 0.012",
            "stopped it after 1 report: extrapolated",
            "to go on, a probability of 0.05 to end above trial b7.",
        ),
        (
            "completed",
            "rung 1: place 5 of 9 by fronts and epsilon-net",
            "stopped it after 1 report: rung 1: place 5",
            "to go on at epoch 1, a place among the best 1/3 of 9, or the best value of one",
        ),
        (
            "infeasible",
            "latency = 9 is outside of [-inf, 5]",
            "latency = 9 is outside of [-inf, 5], after 1 report.",
            "latency within [-inf, 5].",
        ),
        (
            "infeasible",
            "out of memory at params = 7",
            "out of memory at params = 7, after 1 report.",
            "a smaller network",
        ),
        (
            "error",
            "the trainable raised an error",
            "the trainable raised an error, after 1 report; the trial's folder holds the error.",
            "the trainable had to end without an error.",
        ),
    ],
)
def test_ends_and_what_was_missing(status: str, reason: str, says: str, needed: str) -> None:
    arguments = {"time_attr": "epoch", "reduction_factor": 3, "stop_below": 0.05}
    record = record_of(
        events.SchedulerStarted("ASHAScheduler", arguments),
        *ended("best", 0.1),
        *ended("a", 0.7, status=status, reason=reason),
    )
    found = explanation(record, "a")
    assert says in found["ended"][0]
    assert needed in found["needed"][0]
    assert found["needed"][-1] == "to be the best, loss below 0.1 of trial best, 0.6 away."


def test_the_best_and_the_unknown() -> None:
    record = record_of(*ended("first", 0.3), *ended("second", 0.2))
    assert explain(record) == explain(record, "second")
    assert explain(record).splitlines()[0] == (
        "Trial second: loss 0.2, the best of 2 completed trials"
    )
    with pytest.raises(ValueError, match=r"'best' or the id of one of the record's 2 trials, got "
                       r"'secnd'; close to it: second"):  # fmt: skip
        explain(record, "secnd")
    with pytest.raises(ValueError, match="no trial has completed"):
        explain(record_of())


def test_several_objectives_ask_for_the_pareto_front() -> None:
    goals = {"loss": "min", "speed": "max"}
    trials = {"a": (0.1, 5.0), "b": (0.2, 9.0), "c": (0.3, 4.0)}
    lines: list[events.Event] = []
    for name, (loss, speed) in trials.items():
        lines.append(events.TrialProposed(name, {"x": name}, "random", ()))
        lines.append(events.TrialReported(name, {"loss": loss, "speed": speed}))
        lines.append(events.TrialEnded(name, "completed"))
    record = record_of(*lines, objectives=goals)
    assert explanation(record, "b")["needed"] == ["nothing, no other trial is better."]
    assert "it had to beat 2 trials" in explanation(record, "c")["needed"][0]
    assert explanation(record, "c")["standing"] == (
        "loss 0.3, speed 4, place 3 of 3 completed trials by loss"
    )


def objective(config: dict):
    convolutions = str(config).count("conv")
    for epoch in range(1, 10):
        value = (1 + convolutions) * (1 - 0.7**epoch) + sum(map(ord, str(config))) % 17 / 100
        yield 1.0, {"accuracy": value, "size": convolutions, "epoch": epoch}


def test_predictions_are_compared_with_the_result(cells: NASBench201) -> None:
    searcher = Bananas(cells, "accuracy", "max", time_attr="epoch", seed=0)
    simulate(objective, searcher, max_trials=15)
    record = searcher.ledger.record
    assert record.trials["virtual_00000"].expected is None
    assert explanation(record, "virtual_00000")["expected"] == [
        "nothing, Bananas predicts no results for a trial like this (random)."
    ]
    mean, low, high = record.trials["virtual_00014"].expected["accuracy"]
    assert low < mean < high
    text = explanation(record, "virtual_00014")["expected"][0]
    assert text.startswith(f"accuracy {mean:.6g}, within [{low:.6g}, {high:.6g}]")
    assert "it reached" in text


def test_a_prediction_has_the_metrics_own_sign(cells: NASBench201) -> None:
    def loss(config: dict):
        for seconds, metrics in objective(config):
            yield seconds, {"loss": 10 - metrics["accuracy"]}

    searcher = Bananas(cells, "loss", "min", seed=0)
    simulate(loss, searcher, max_trials=15)
    mean, low, high = searcher.ledger.record.trials["virtual_00014"].expected["loss"]
    assert 0 < low < mean < high < 12


def test_the_rank_by_a_score_is_told(cells: NASBench201) -> None:
    searcher = ZeroCostWarmup(
        RandomSearch(cells, "accuracy", "max", seed=0),
        score=lambda space, configs: list(range(len(configs))),
        candidates=20,
        seed=0,
    )
    simulate(objective, searcher, max_trials=3)
    expected = explanation(searcher.ledger.record, "virtual_00000")["expected"]
    assert expected == ["<lambda> ranked it 1 of 20 (score 19)."]


@pytest.mark.parametrize(
    "make",
    [
        lambda: ASHAScheduler("epoch", "accuracy", "max", max_t=9, reduction_factor=3),
        lambda: LearningCurveASHA(time_attr="epoch", max_t=9),
        lambda: MultiObjectiveASHA(time_attr="epoch", objectives={"accuracy": "max"}, max_t=9),
    ],
    ids=["ASHA", "LearningCurveASHA", "MultiObjectiveASHA"],
)
def test_every_stop_of_a_scheduler_says_what_was_missing(
    make: Callable[[], object], cells: NASBench201
) -> None:
    searcher = RandomSearch(cells, "accuracy", "max", seed=0)
    simulate(objective, searcher, make(), num_workers=4, max_trials=60)
    record = searcher.ledger.record
    stopped = [trial for trial in record.trials.values() if trial.reason]
    assert len(stopped) > 20
    for trial in stopped:
        assert explanation(record, trial.trial_id)["needed"][0].startswith("to go on")
