"""A supernet of 729 tiny cells on random images."""

import torch
from torch import nn

from ray_nas.sharing.one_shot.paths.path_strategies import STRATEGIES
from ray_nas.sharing.one_shot.supernet_training import SupernetTraining
from ray_nas.spaces import ModelSpace, NASBench201
from ray_nas.trials.optimizer import Optimization

CELLS = NASBench201(channels=2, cells_per_stage=1, num_classes=3, in_channels=1)
SPACE = CELLS.restrict(
    dict.fromkeys(CELLS.choices, ("skip_connect", "nor_conv_1x1", "nor_conv_3x3"))
)
GENERATOR = torch.Generator().manual_seed(0)
DATA = torch.rand(48, 1, 8, 8, generator=GENERATOR), torch.randint(3, (48,), generator=GENERATOR)


def training(
    strategy: str = "spos", space: ModelSpace = SPACE, data: tuple = DATA, **arguments: object
) -> SupernetTraining:
    given = {
        "epochs": 4,
        "batch_size": 16,
        "optimization": Optimization(0.1),
        "seed": 3,
        "loss": nn.functional.cross_entropy,
        **arguments,
    }
    loss = given.pop("loss")
    return SupernetTraining(space, STRATEGIES[strategy](space, 3), data, loss, **given)
