"""The settings of one-shot search are checked."""

import pytest
import torch
from torch import nn

from ray_nas.sharing import one_shot_trainable
from ray_nas.spaces import NASBench201, SearchSpace


def test_bad_arguments_are_named(small_space: SearchSpace) -> None:
    space, pair = (
        NASBench201(2, 1, in_channels=1),
        (torch.zeros(4, 1, 8, 8), torch.zeros(4, dtype=torch.long)),
    )
    with pytest.raises(TypeError, match="space must be a ModelSpace"):
        one_shot_trainable(
            small_space, train_data=pair, val_data=pair, loss=nn.functional.cross_entropy
        )
    with pytest.raises(TypeError, match="val_data must be a pair of tensors"):
        one_shot_trainable(
            space, train_data=pair, val_data=pair[0], loss=nn.functional.cross_entropy
        )
    with pytest.raises(ValueError, match="train_data must have as many inputs as targets"):
        one_shot_trainable(
            space,
            train_data=(pair[0], pair[1][:2]),
            val_data=pair,
            loss=nn.functional.cross_entropy,
        )
    with pytest.raises(ValueError, match="batch_size must be an integer >= 1, got 0"):
        one_shot_trainable(
            space, train_data=pair, val_data=pair, loss=nn.functional.cross_entropy, batch_size=0
        )
