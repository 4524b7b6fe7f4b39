"""TE-NAS prunes the network of all alternatives."""

from functools import partial

import pytest
import torch
from torch import nn

from ray_nas.spaces import InputChoice, LayerChoice, MLPSpace, ModelSpace, NASBench201
from ray_nas.zero_shot import te_nas_search

BATCH = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0)), None


def test_it_prunes_to_one_architecture_of_the_space() -> None:
    edges = [f"edge_{i}_{j}" for j in range(1, 4) for i in range(j)]
    kept = ["none", "skip_connect", "nor_conv_1x1", "avg_pool_3x3"]
    space = NASBench201(channels=2, cells_per_stage=1).restrict(
        {"edge_0_1": kept, "edge_0_2": kept[:3]}
    )
    space = space.fix(dict.fromkeys(edges[2:], "skip_connect"))
    done: list[int] = []
    config = te_nas_search(space, BATCH, on_round=done.append)
    space.validate(config)
    assert "none" not in config.values()
    assert done == list(range(1, 3 + 2 + 2 + 1))  # without each of 3 and 2, then each of 2
    assert te_nas_search(space, BATCH) == config


def test_an_alternative_that_hides_the_input_goes_first() -> None:
    class Hidden(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean(0, keepdim=True).expand_as(x)

    space = ModelSpace(
        lambda: nn.Sequential(
            nn.Linear(8, 8),
            nn.ReLU(),
            LayerChoice("op", {"hidden": Hidden, "linear": lambda: nn.Linear(8, 8)}),
            nn.ReLU(),
            nn.Linear(8, 2),
        )
    )
    batch = torch.randn(16, 8, generator=torch.Generator().manual_seed(0)), None
    assert te_nas_search(space, batch) == {"op": "linear"}


class Blind(nn.Module):
    """Forgets its input, and saturates what follows: every ReLU is open, one linear region."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.full_like(x, 100.0)


class TwoOfThree(nn.Module):
    """A node that keeps two of its three edges; one of them forgets its input."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.node = InputChoice("node", ["a", "b", "c"], 2, make=self.edge)
        self.last = nn.Linear(8, 2)

    def edge(self, index: int) -> nn.Module:
        layers = [Blind, Blind] if index == 1 else [nn.Identity, partial(nn.Linear, 8, 8)]
        return LayerChoice(f"edge_{index}", dict(zip(["first", "second"], layers, strict=True)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x).relu()
        return self.last(self.node([x, x, x]).relu())


def test_the_edge_without_which_the_network_is_best_is_not_kept() -> None:
    batch = torch.randn(16, 8, generator=torch.Generator().manual_seed(0)), None
    space = ModelSpace(TwoOfThree)
    config = te_nas_search(space, batch)
    space.validate(config)
    assert config["node"] == "a+c"


def test_what_is_not_a_sum_is_refused() -> None:
    with pytest.raises(ValueError, match="which is not a weighted sum"):
        te_nas_search(MLPSpace(4, 2), (torch.rand(4, 4), None))
