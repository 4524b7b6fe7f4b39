from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def known_truth(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("known_truth")


def sampled(task: Any) -> list[Any]:
    return list(task.space.sample(size=300, random_state=np.random.default_rng(5)))


@pytest.mark.parametrize("kind", ["planted", "control", "misled", "border", "overfit", "unbeaten"])
def test_worth_varies_by_one_standard_deviation(known_truth: ModuleType, kind: str) -> None:
    task = known_truth.Task(known_truth.mixed_space(), kind, 3)
    values = [task.worth(config) for config in sampled(task)]
    assert np.std(values) == pytest.approx(1, abs=0.25)


def test_each_case_is_what_it_says(known_truth: ModuleType) -> None:
    tasks = {
        kind: known_truth.Task(known_truth.mixed_space(), kind, 3)
        for kind in ("noise", "misled", "overfit", "unbeaten", "border")
    }
    configs = sampled(tasks["misled"])
    worth, early = (
        [getattr(tasks["misled"], name)(config) for config in configs]
        for name in ("worth", "early")
    )
    assert np.corrcoef(worth, early)[0, 1] < -0.2
    assert {tasks["noise"].worth(config) for config in configs} == {0.0}
    spread = np.std([tasks["overfit"].tested(config) for config in configs])
    assert spread == pytest.approx(0.1, abs=0.03)
    unbeaten = tasks["unbeaten"]
    assert unbeaten.worth(unbeaten.baseline) >= max(map(unbeaten.worth, configs))
    border = tasks["border"]
    rises = [
        border.worth({**config, "width_0": 128}) - border.worth({**config, "width_0": 64})
        for config in configs
    ]
    assert min(rises) > 0


def test_a_training_ends_at_its_worth_plus_noise(known_truth: ModuleType) -> None:
    task = known_truth.Task(known_truth.mixed_space(), "control", 3, noise=0.01)
    *_, (_, last) = task.train(task.baseline, np.random.default_rng(0))
    assert last["accuracy"] == pytest.approx(80 + task.worth(task.baseline), abs=0.3)
    assert last["epoch"] == known_truth.EPOCHS
