"""Hugging Face's Trainer and its own search, on BERTs of random weights that a space builds."""

from typing import Any

import pytest
from integration_page import run_section

pytest.importorskip("transformers")
pytest.importorskip("accelerate")
pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    return {"__name__": "__main__"}


def test_trainer(names: dict[str, Any], few_lines: Any, searched: Any) -> None:
    few_lines("Hugging Face Trainer")
    run_section("Hugging Face Trainer", names)
    searched(names["results"], names["space"], trials=2)
    for result in names["results"]:
        assert result.metrics["epoch"] == 2


def test_hyperparameter_search(names: dict[str, Any], few_lines: Any) -> None:
    few_lines("`hyperparameter_search`")
    if "space" not in names:
        run_section("Hugging Face Trainer", names)
    run_section("`hyperparameter_search`", names)
    best = names["best"]
    names["space"].validate(best.hyperparameters["arch"])
    assert 1e-5 <= best.hyperparameters["learning_rate"] <= 1e-3
    trials = best.run_summary.trials
    assert best.objective == min(trial.last_result["objective"] for trial in trials)
    assert trials[0].config["arch"] != trials[1].config["arch"]
