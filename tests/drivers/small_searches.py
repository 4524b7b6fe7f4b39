"""Records of small random searches, made event by event, for the tests of the report."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ray_nas.record import ExperimentRecord
from ray_nas.record.events import ExperimentStarted, TrialEnded, TrialProposed, TrialReported
from ray_nas.retraining.results import RetrainedTrial, Retraining

Config = dict[str, Any]
Train = Callable[[Config, np.random.Generator], list[dict[str, float]]]

DOMAINS = {
    "op": {"values": ["conv", "pool", "skip"], "ordered": False},
    "width": {"values": [8, 16, 32, 64], "ordered": True},
    "lr": {"low": 1e-4, "high": 1e-1, "log": True},
}


def random_config(rng: np.random.Generator) -> Config:
    return {
        "op": ["conv", "pool", "skip"][rng.integers(3)],
        "width": [8, 16, 32, 64][rng.integers(4)],
        "lr": float(10 ** rng.uniform(-4, -1)),
    }


def search(
    train: Train,
    count: int = 60,
    *,
    objectives: dict[str, str] | None = None,
    configs: list[Config] | None = None,
    domains: dict[str, Any] | None = DOMAINS,
    baseline: bool = False,
    seed: int = 0,
) -> ExperimentRecord:
    """A random search. `train` returns a trial's reports; a trial without any has failed."""
    rng = np.random.default_rng(seed)
    record = ExperimentRecord()
    goals = objectives or {"accuracy": "max"}
    record.apply(ExperimentStarted("RandomSearch", "f00d", goals, seed, domains=domains))
    for place, config in enumerate(configs or [random_config(rng) for _ in range(count)]):
        move = "baseline" if baseline and place == 0 else "random"
        record.apply(TrialProposed(f"t{place}", config, move, ()))
        reports = train(config, rng)
        for report in reports:
            record.apply(TrialReported(f"t{place}", report))
        if reports:
            record.apply(TrialEnded(f"t{place}", "completed"))
        else:
            record.apply(TrialEnded(f"t{place}", "error", "the trainable raised an error"))
    return record


def worth(config: Config) -> float:
    """Operations matter; the width is best inside its range."""
    return {"conv": 1.0, "pool": 0.0, "skip": -1.0}[config["op"]] - abs(config["width"] - 32) / 32


def signal(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
    return [{"accuracy": worth(config) + 0.3 * rng.standard_normal()}]


def noise(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
    return [{"accuracy": rng.standard_normal()}]


def retraining(
    winner: list[float], baseline: list[float], *, test_metric: str | None = "test_accuracy"
) -> Retraining:
    """Trial t1 and the baseline, trained again with these results."""
    metric = test_metric or "accuracy"
    trials = [
        RetrainedTrial(name, {}, seed, {metric: value})
        for name, values in (("t1", winner), ("baseline", baseline))
        for seed, value in enumerate(values)
    ]
    return Retraining(trials, "accuracy", "max", test_metric, "t1")
