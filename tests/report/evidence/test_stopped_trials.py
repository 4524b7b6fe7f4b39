import numpy as np
import pytest
from small_searches import Config, search, signal, worth

from ray_nas.report.evidence import Evidence
from ray_nas.report.evidence.stopped_trials import expected_results


def lucky(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
    """Noise alone; the lucky third after epoch 3 is trained until epoch 9."""
    luck = rng.standard_normal()
    reports = [{"accuracy": luck, "epoch": 3}, {"accuracy": 5 + 2 * luck, "epoch": 9}]
    return reports if luck > 0.4 else reports[:1]


def test_stopped_trials_get_what_they_would_have_come_to() -> None:
    evidence = Evidence(search(lucky, 100))
    level = expected_results(evidence, ["accuracy"])
    assert level is not None
    assert len(level.trials) == 100 > len(evidence.full.trials)
    expected = [5 + 2 * trial.reports[0]["accuracy"] for trial in level.trials]
    assert level.quality == pytest.approx(expected)


def test_full_trainings_keep_their_results() -> None:
    def train(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
        early = worth(config) + rng.standard_normal()
        reports = [{"accuracy": early, "epoch": 1}, {"accuracy": rng.random(), "epoch": 3}]
        return reports if early > -1 else reports[:1]

    evidence = Evidence(search(train))
    level = expected_results(evidence, ["accuracy"])
    assert level is not None
    for trial, value in zip(level.trials, level.quality, strict=True):
        if len(trial.reports) == 2:
            assert value == trial.metrics["accuracy"]


def test_without_rungs_or_full_trainings_nothing_is_expected() -> None:
    assert expected_results(Evidence(search(signal)), ["accuracy"]) is None
    assert expected_results(Evidence(search(lucky, 10)), ["accuracy"]) is None


def test_a_held_out_metric_is_filled_in_as_well() -> None:
    """Stops depend on validation: its luck at the rung must not stick to the test metric."""

    def train(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
        luck, test = rng.standard_normal(2)
        reports = [
            {"accuracy": luck, "test_accuracy": test, "epoch": 3},
            {"accuracy": luck, "test_accuracy": 2 * test + luck, "epoch": 9},
        ]
        return reports if luck > 0.4 else reports[:1]

    level = expected_results(Evidence(search(train, 100)), ["accuracy", "test_accuracy"])
    assert level is not None
    first = [trial.reports[0] for trial in level.trials]
    expected = [2 * report["test_accuracy"] + report["accuracy"] for report in first]
    assert level.quality == pytest.approx(expected)


def test_a_held_out_metric_that_rungs_lack_is_not_filled_in() -> None:
    def train(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
        reports = lucky(config, rng)
        return [*reports[:1], {**reports[1], "test_accuracy": 1.0}] if len(reports) > 1 else reports

    evidence = Evidence(search(train, 100))
    assert expected_results(evidence, ["accuracy", "test_accuracy"]) is None
