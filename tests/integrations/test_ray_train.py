"""Two workers of Ray Train for each trial, with shares of logical GPUs."""

from typing import Any

import pytest
from integration_page import run_section

from ray_nas.record import load

pytestmark = pytest.mark.integration


def test_two_workers_a_trial(few_lines: Any, searched: Any) -> None:
    few_lines("Ray Train")
    names = run_section("Ray Train")
    results = names["results"]
    searched(results, names["space"], trials=2)
    for result in results:
        assert [result.metrics["epoch"], len(result.metrics_dataframe)] == [2, 2]
        assert names["share"].per_worker(result.config, 2) == {"CPU": 1, "GPU": 0.1}
    trials = load(results.experiment_path).trials.values()
    assert [len(trial.reports) for trial in trials] == [2, 2]
    assert {trial.status for trial in trials} == {"completed"}
