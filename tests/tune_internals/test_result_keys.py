"""Which numbers of a result count; fails when Ray changes its own keys."""

import numpy as np
import torch
from ray.train.constants import CHECKPOINT_DIR_NAME
from ray.tune.result import AUTO_RESULT_KEYS

from ray_nas.tune_internals.result_keys import CHECKPOINT_NAME, reported_numbers


def test_the_checkpoints_key_is_rays() -> None:
    assert CHECKPOINT_NAME == CHECKPOINT_DIR_NAME


def test_tunes_own_keys_are_left_out_but_iteration_and_time() -> None:
    assert {"timestamp", "pid", "training_iteration"} <= set(AUTO_RESULT_KEYS)
    others = ["done", "should_checkpoint", "experiment_tag", "trial_id"]
    result = dict.fromkeys([*AUTO_RESULT_KEYS, *others], 1)
    assert set(reported_numbers(result)) == {"training_iteration", "time_total_s"}


def test_numbers_of_all_kinds_are_kept() -> None:
    result = {
        "int": 3,
        "float": float("nan"),
        "numpy": np.float32(0.5),
        "tensor": torch.tensor(2),
        "text": "0.5",
        "bool": True,
        "vector": np.zeros(2),
        "none": None,
        "config/lr": 0.1,
    }
    numbers = reported_numbers(result)
    assert list(numbers) == ["int", "float", "numpy", "tensor"]
    assert (numbers["int"], numbers["numpy"], numbers["tensor"]) == (3, 0.5, 2)
