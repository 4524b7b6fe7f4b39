"""Each training is proposed once, and passed on when it ends."""

from ray_nas.retraining import RetrainedTrial
from ray_nas.retraining.listed_runs import ListedRuns


def test_trainings_are_passed_on_with_their_last_metrics() -> None:
    ended: list[RetrainedTrial] = []
    runs = [RetrainedTrial(name, {}, 0, {}) for name in ("a", "b")]
    search = ListedRuns(runs, [{"seed": 0}, {"seed": 0}], ended.append)
    assert [search.suggest(name) for name in "xyz"] == [{"seed": 0}, {"seed": 0}, "FINISHED"]
    search.on_trial_result("x", {"loss": 0.5})
    search.on_trial_complete("y", None, error=True)
    search.on_trial_complete("x", {"loss": 0.25, "done": True})
    assert [(run.trial, run.metrics, run.reason) for run in ended] == [
        ("b", {}, "failed"),
        ("a", {"loss": 0.25}, ""),
    ]
