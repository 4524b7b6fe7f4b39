from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ray_nas.spaces import NASBench201


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("nasbench201_truth")


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    space = NASBench201()
    sample = space.sample(size=200, random_state=np.random.default_rng(0))
    names = sorted({space.to_arch_str(config) for config in sample})
    values = np.arange(len(names), dtype=float)
    columns = {f"val_acc_200ep_seed{seed}": values + 0.1 * seed for seed in range(3)}
    other = {"val_acc_12ep": values / 2, "test_acc_200ep": values - 1}
    return pd.DataFrame({"arch_str": names, **columns, **other}).set_index("arch_str")


def reports(task: Any, config: dict[str, Any]) -> list[dict[str, float]]:
    return [metrics for _, metrics in task.train(config, np.random.default_rng(0))]


def test_a_training_reports_the_table(script: ModuleType, cells: pd.DataFrame) -> None:
    task = script.TableTask(cells, "control", 0)
    early, late = reports(task, task.baseline)
    worth = len(cells) // 2
    assert early == {"accuracy": worth / 2, "epoch": 3}
    assert late["accuracy"] == pytest.approx(worth + 0.1, abs=0.11)
    assert late["test_accuracy"] == worth - 1
    assert task.tested(task.baseline) == pytest.approx(worth + 0.1)


def test_a_misleading_fidelity_turns_the_ranks_round(
    script: ModuleType, cells: pd.DataFrame
) -> None:
    task = script.TableTask(cells, "misled", 0)
    best = NASBench201().from_arch_str(str(cells.index[-1]))
    early, late = reports(task, best)
    assert early["accuracy"] == 0
    assert late["accuracy"] >= len(cells) - 1


def test_the_best_baseline_cannot_be_beaten(script: ModuleType, cells: pd.DataFrame) -> None:
    task = script.TableTask(cells, "unbeaten", 0)
    assert NASBench201().to_arch_str(task.baseline) == cells.index[-1]
    assert {trial.trial for trial in task.retrain("w", task.baseline).trials} == {"w", "baseline"}
