"""Scores in tests."""

from typing import Any

import torch
from torch import nn

from ray_nas.estimators import proxies


def score(network: nn.Module, name: str, batch: Any, seed: int = 0) -> float:
    """One value."""
    return proxies.score(network, [name], batch, rng=torch.Generator().manual_seed(seed))[name]


def without_dropout(network: nn.Module) -> nn.Module:
    """The network in train mode, but for its dropout, as proxies see it."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    return network


def loss_of(network: nn.Module, batch: Any) -> torch.Tensor:
    """Mean cross-entropy."""
    return nn.functional.cross_entropy(without_dropout(network)(batch[0]), batch[1])


def weights_of(network: nn.Module) -> list[nn.Parameter]:
    """Weights of convolutions and linear layers."""
    kinds = (nn.Conv2d, nn.Linear)
    return [module.weight for module in network.modules() if isinstance(module, kinds)]
