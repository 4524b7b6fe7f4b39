"""A strategy needs `paths` only."""

import numpy as np
import torch
from torch import nn

from ray_nas.sharing.one_shot.paths.path_strategy import PathStrategy
from ray_nas.sharing.one_shot.supernet_training import SupernetTraining
from ray_nas.spaces import LayerChoice, ModelSpace
from ray_nas.trials.optimizer import Optimization


class Always(PathStrategy):
    """Trains one alternative."""

    def paths(self, rng: np.random.Generator) -> list[dict]:
        return [{"op": "trained"}]


def test_a_strategy_of_the_users_own_trains_what_it_draws() -> None:
    layers = {name: lambda: nn.Linear(2, 2) for name in ("trained", "never")}
    space = ModelSpace(lambda: LayerChoice("op", layers))
    data = torch.rand(8, 2), torch.arange(8) % 2
    loss = nn.functional.cross_entropy
    training = SupernetTraining(
        *(space, Always(space, 0), data, loss),
        epochs=1,
        batch_size=4,
        optimization=Optimization(0.1),
    )
    before = {name: tensor.clone() for name, tensor in training.supernet.state_dict().items()}
    training.run_epoch()
    training.adapt_strategy(data)
    changed = {
        name.split(".")[-2]
        for name, tensor in training.supernet.state_dict().items()
        if not torch.equal(tensor, before[name])
    }
    assert changed == {"trained"}
    assert training.strategy.best_configs(3) == []
    assert not any(name.startswith("strategy.") for name in training.state_tensors())
