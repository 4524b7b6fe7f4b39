"""TE-NAS prunes the network of all alternatives."""

import pytest
import torch
from torch import nn

from ray_nas.spaces import DARTS, LayerChoice, MLPSpace, ModelSpace, NASBench201
from ray_nas.zero_shot import te_nas_search

BATCH = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0)), None


def test_it_prunes_to_one_architecture_of_the_space() -> None:
    space = NASBench201(channels=2, cells_per_stage=1).fix(
        {f"edge_{i}_3": "skip_connect" for i in range(3)}
    )
    done: list[int] = []
    config = te_nas_search(space, BATCH, on_round=done.append)
    space.validate(config)
    assert "none" not in config.values()
    assert done == list(range(1, 28))  # three edges of 4, 3 and 2 alternatives
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


def test_a_space_that_keeps_some_edges_into_a_node() -> None:
    space = DARTS(channels=2, layers=1, nodes=2)
    ops = {
        label: ["sep_conv_3x3", "skip_connect"]
        for label, choice in space.choices.items()
        if "sep_conv_3x3" in choice.values
    }
    config = te_nas_search(space.restrict(ops), (torch.rand(4, 3, 8, 8), None))
    space.validate(config)


def test_what_is_not_a_sum_is_refused() -> None:
    with pytest.raises(ValueError, match="which is not a weighted sum"):
        te_nas_search(MLPSpace(4, 2), (torch.rand(4, 4), None))
