"""All networks at once: what a mixture computes, and which spaces have none."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from ray_nas.sharing import Mixture
from ray_nas.spaces import (
    DARTS,
    ChainSpace,
    InputChoice,
    LayerChoice,
    ModelSpace,
    NASBench201,
    Repeat,
    ValueChoice,
)
from ray_nas.trials.batch_norm import recompute_batch_norm

torch.set_num_threads(1)


class Nested(nn.Module):
    """Choices inside alternatives, of inputs, of layers before inputs, and a repeated one."""

    def __init__(self) -> None:
        super().__init__()
        self.first = LayerChoice(
            "first", {"skip": nn.Identity, "deep": self.deep, "linear": lambda: nn.Linear(4, 4)}
        )
        self.join = InputChoice(
            "join",
            ["x", "y", "z"],
            chosen=2,
            reduction="mean",
            make=lambda i: self.small(f"into_{i}"),
        )
        self.any = InputChoice("any", 2, chosen=None)
        self.last = nn.Linear(4, 2)

    def small(self, label: str) -> nn.Module:
        return LayerChoice(label, [partial(nn.Linear, 4, 4), nn.Identity])

    def deep(self) -> nn.Module:
        return nn.Sequential(self.small("inner"), nn.Tanh(), self.small("inner"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(x)
        z = self.join([x, y, x * y])
        return self.last(self.any([z, y]))


def one_hot(mixture: Mixture, config: dict) -> dict[str, torch.Tensor]:
    """Weights that choose a config; of what is inactive in it, nothing, or else the first value."""
    weights = {}
    for (label, values), alpha in zip(mixture.values.items(), mixture.alphas, strict=True):
        nothing = len(values) if len(alpha) > len(values) else 0
        index = values.index(config[label]) if label in config else nothing
        weights[label] = nn.functional.one_hot(torch.tensor(index), len(alpha)).float()
    return weights


SPACES = {
    "nested": (lambda: ModelSpace(Nested), (4,)),
    "cells": (lambda: NASBench201(2, 1), (3, 8, 8)),
    "darts": (lambda: DARTS((3, 8, 8), channels=2, num_cells=3), (3, 8, 8)),
    "fixed": (lambda: ModelSpace(Deep).fix({"depth": 2, "width": 4}), (4,)),
}


class Deep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = Repeat(
            "depth", 1, 3, lambda i: LayerChoice(f"layer_{i}", {"a": nn.Tanh, "b": nn.Identity})
        )
        self.last = nn.Linear(4, ValueChoice("width", [2, 4]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.layers(x))


@pytest.mark.parametrize("name", SPACES)
def test_weights_of_zero_and_one_are_the_network_itself(name: str) -> None:
    make, shape = SPACES[name]
    torch.manual_seed(0)
    space, inputs = make(), torch.rand(4, *shape)
    mixture = Mixture(
        space
    )  # in training mode, in which both normalise what pooling gives over the batch
    for config in space.sample(size=5, random_state=np.random.default_rng(0)):
        network = mixture.subnetwork(config)
        assert torch.allclose(
            mixture(inputs, one_hot(mixture, config)), network(inputs), atol=1e-5
        ), config


@pytest.mark.parametrize("pool", ["MaxPool", "AvgPool"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_pooling_weighs_as_much_as_what_ends_on_a_batch_norm(pool: str, dims: int) -> None:
    torch.manual_seed(0)
    layer = partial(getattr(nn, f"{pool}{dims}d"), 3, stride=1, padding=1)
    mixture, inputs = (
        Mixture(ModelSpace(lambda: LayerChoice("op", {"pool": layer, "skip": nn.Identity}))),
        3 * torch.randn(64, 2, *dims * [6]),
    )
    output = mixture(inputs, {"op": torch.tensor([1.0, 0.0])})
    channels = [dim for dim in range(output.ndim) if dim != 1]
    assert torch.allclose(output.std(channels, correction=0), torch.ones(2), atol=1e-3)
    assert torch.allclose(output.mean(channels), torch.zeros(2), atol=1e-3)
    network = mixture.subnetwork({"op": "pool"})
    recompute_batch_norm(network, [(inputs, torch.zeros(64))])
    assert torch.allclose(network.eval()(inputs), output, atol=0.02), (
        "with the statistics of the same batch"
    )


def test_the_strongest_edges_into_a_node_are_taken() -> None:
    space = DARTS((3, 8, 8), channels=2, num_cells=3)
    mixture = Mixture(space)
    assert {len(alpha) for alpha in mixture.alphas} == {8}, (
        "seven operations and nothing, as in the paper; none for pairs of edges"
    )
    assert len(mixture.alphas) == 2 * 14
    alphas = dict(zip(mixture.values, mixture.alphas, strict=True))
    with torch.no_grad():
        for alpha in mixture.alphas:
            alpha.zero_()
        alphas["normal.edge_1_3"][3] = 2.0
        alphas["normal.edge_2_3"][5] = 1.0
        alphas["normal.edge_0_3"][7] = 5.0  # nothing is strong there
    config = mixture.architecture()
    assert config["normal.node_3.inputs"] == "1+2"
    assert (config["normal.edge_1_3"], config["normal.edge_2_3"]) == (
        "sep_conv_3x3",
        "dil_conv_3x3",
    )
    assert "normal.edge_0_3" not in config


def test_nothing_alone_is_zeros() -> None:
    space = DARTS((3, 8, 8), channels=2, num_cells=3)
    mixture, inputs = Mixture(space), torch.rand(2, 3, 8, 8)
    weights = {
        label: nn.functional.one_hot(torch.tensor(len(values)), 8).float()
        for label, values in mixture.values.items()
    }
    assert torch.allclose(mixture(inputs, weights)[0], mixture(inputs, weights)[1]), (
        "no image has a say"
    )


def test_soft_weights_are_a_sum() -> None:
    space = ModelSpace(
        lambda: LayerChoice("op", [partial(nn.Linear, 3, 2), partial(nn.Linear, 3, 2)])
    )
    mixture, inputs = Mixture(space), torch.rand(4, 3)
    parts = [mixture.subnetwork({"op": index})(inputs) for index in (0, 1)]
    assert torch.allclose(
        mixture(inputs, {"op": torch.tensor([0.25, 0.75])}),
        0.25 * parts[0] + 0.75 * parts[1],
        atol=1e-6,
    )


def test_gradients_of_the_alphas_are_right() -> None:
    mixture = Mixture(ModelSpace(Nested)).double()
    inputs = torch.rand(4, 4, dtype=torch.double)
    for alpha in mixture.alphas:
        nn.init.normal_(alpha)

    def loss(*alphas: torch.Tensor) -> torch.Tensor:
        weights = {
            label: alpha.softmax(0) for label, alpha in zip(mixture.values, alphas, strict=True)
        }
        return mixture(inputs, weights).square().mean()

    assert torch.autograd.gradcheck(loss, tuple(mixture.alphas))


def test_what_has_no_weight_is_not_run() -> None:
    class Loud(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("run")

    mixture = Mixture(ModelSpace(lambda: LayerChoice("op", {"quiet": nn.Identity, "loud": Loud})))
    weights = torch.tensor([1.0, 0.0], requires_grad=True)
    mixture(torch.ones(2, 3), {"op": weights}).sum().backward()
    assert weights.grad.tolist() == [6.0, 0.0]
    with pytest.raises(RuntimeError, match="run"):
        mixture(torch.ones(2, 3), {"op": torch.tensor([0.5, 0.5])})


def test_the_architecture_is_that_of_the_largest_alphas() -> None:
    space = NASBench201(2, 1)
    mixture = Mixture(space)
    wanted = space.from_arch_str(
        "|skip_connect~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"
    )
    with torch.no_grad():
        for (label, values), alpha in zip(mixture.values.items(), mixture.alphas, strict=True):
            alpha[values.index(wanted[label])] += 1
    assert mixture.architecture() == wanted
    assert mixture.skip_share(wanted) == pytest.approx(2 / 6)
    with torch.no_grad():
        mixture.alphas[0][mixture.values["edge_0_1"].index("nor_conv_1x1")] += 0.5
    assert mixture.architecture(max_skip_share=0.2) == {**wanted, "edge_0_1": "nor_conv_1x1"}, (
        "the nearest gives way"
    )
    assert mixture.skip_share(mixture.architecture(max_skip_share=0.1)) == 0
    assert Mixture(ModelSpace(Nested)).skip_share(
        {"first": "deep", "join": "x+y", "inner": 1, "into_0": 0, "into_1": 0}
    ) == pytest.approx(1 / 4)


def test_batch_norms_of_alternatives_learn_no_scale() -> None:
    mixture = Mixture(NASBench201(2, 1))
    norms = [module for module in mixture.modules() if isinstance(module, nn.BatchNorm2d)]
    frozen = [norm for norm in norms if not norm.weight.requires_grad]
    assert len(frozen) == 2 * 6 * 3
    assert len(norms) - len(frozen) == 1 + 4 + 1, "stem, reductions and the last one learn theirs"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ChainSpace(),
            r"'stage_0\.width', a ValueChoice of \[16, 32, 64, 128\].*"
            r"space\.fix\(\{'stage_0\.width': 128\}\)",
        ),
        (lambda: ModelSpace(Deep), "'depth', a Repeat"),
        (
            lambda: ModelSpace(lambda: InputChoice("in", 3, 2, "concat")),
            "'in', an InputChoice that concatenates",
        ),
        (lambda: ModelSpace(lambda: LayerChoice("op", {"one": nn.Tanh})), "only one architecture"),
    ],
)
def test_spaces_that_are_no_sum_are_refused_by_name(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Mixture(make())


def test_forbidden_architectures_are_an_error() -> None:
    space = ModelSpace(
        lambda: LayerChoice("op", {"a": nn.Tanh, "b": nn.ReLU}), rules=[lambda config: False]
    )
    with pytest.raises(ValueError, match="breaks the rule"):
        Mixture(space).architecture()


def test_outputs_that_are_no_tensors_are_refused() -> None:
    mixture = Mixture(
        ModelSpace(lambda: LayerChoice("cell", [partial(nn.GRU, 3, 3), partial(nn.LSTM, 3, 3)]))
    )
    with pytest.raises(TypeError, match="must be a tensor to be mixed, got tuple"):
        mixture(torch.rand(2, 5, 3), {"cell": torch.tensor([0.5, 0.5])})
