"""Which networks can tell the sign of a sum: a search space with right and wrong choices."""

from functools import partial
from typing import Any

import torch
from torch import nn

from ray_nas.sharing.differentiable.bilevel_search import BilevelSearch
from ray_nas.spaces import InputChoice, LayerChoice
from ray_nas.spaces.cells.cell_layers import Zero

torch.set_num_threads(1)

Pair = tuple[torch.Tensor, torch.Tensor]


class Net(nn.Module):
    """What passes the entries on can tell their sign; the rest knows nothing of them."""

    def __init__(self) -> None:
        super().__init__()
        self.source = InputChoice("source", ["zeros", "entries"])
        layers = {"zero": Zero, "skip": nn.Identity, "linear": partial(nn.Linear, 8, 8)}
        self.layers = nn.Sequential(nn.Linear(2, 8), LayerChoice("layer", layers), nn.Linear(8, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(self.source([torch.zeros_like(x), x]))


def parts(number: int = 256) -> tuple[Pair, Pair]:
    x = torch.randn(2 * number, 2, generator=torch.Generator().manual_seed(0))
    y = (x.sum(1) > 0).long()
    return (x[:number], y[:number]), (x[number:], y[number:])


def arguments(**changed: Any) -> dict[str, Any]:
    train, val = parts()
    settings = {
        "train_data": train,
        "val_data": val,
        "loss": nn.functional.cross_entropy,
        "method": "darts",
        "epochs": 4,
        "batch_size": 64,
        "learning_rate": 0.1,
        "weight_decay": 3e-4,
        "alpha_learning_rate": 0.05,
        "alpha_weight_decay": 1e-3,
        "warmup": 0.3,
        "beta_decay": 0.0,
        "max_skip_share": 1.0,
        "seed": 1,
    }
    return {**settings, **changed}


def finished(search: BilevelSearch) -> list[dict[str, Any]]:
    rows = []
    while not search.done:
        rows.append(search.epoch())
    return rows
