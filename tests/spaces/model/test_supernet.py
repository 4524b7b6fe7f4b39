"""One set of weights, every network of the space."""

import copy
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ready_made import READY_MADE, flat
from torch import nn

from ray_nas.spaces import (
    InputChoice,
    LayerChoice,
    ModelSpace,
    Repeat,
    Slicing,
    ValueChoice,
    register_slicing,
)

torch.set_num_threads(1)


def check_same_as_built(
    space: ModelSpace, inputs: Any, configs: int = 3, atol: float = 1e-5
) -> None:
    """Outputs, gradients and statistics of the supernet equal those of its sliced networks."""
    torch.manual_seed(0)
    supernet = space.supernet()
    keys = set(supernet.state_dict())
    for config in space.sample(size=max(2, configs), random_state=np.random.default_rng(0)):
        network = space.build(config)
        assert set(network.state_dict()) <= keys
        network.load_state_dict(supernet.weights(config))
        supernet.train(), network.train()
        supernet.zero_grad()
        shared, alone = flat(supernet(inputs, config)), flat(network(inputs))
        assert torch.allclose(shared, alone, atol=atol), config
        shared.square().mean().backward()
        alone.square().mean().backward()
        gradients = sum(
            float(p.grad.abs().sum()) for p in supernet.parameters() if p.grad is not None
        )
        expected = sum(
            float(p.grad.abs().sum()) for p in network.parameters() if p.grad is not None
        )
        assert gradients == pytest.approx(expected, rel=1e-3, abs=1e-5)
        for name, tensor in supernet.weights(
            config
        ).items():  # running statistics went into the shared tensors
            assert torch.allclose(tensor, network.state_dict()[name], atol=1e-5), name
        supernet.eval(), network.eval()
        with torch.no_grad():
            shared, alone = flat(supernet(inputs, config)), flat(network(inputs))
            assert torch.allclose(shared, alone, atol=atol)


class Mixed(nn.Module):
    """Widths, kernels, depth, expansion by arithmetic, inputs, nested and named choices."""

    def __init__(self) -> None:
        super().__init__()
        self.width = ValueChoice("width", [4, 6, 8])
        norm = ValueChoice("norm", {"batch": nn.BatchNorm2d, "group": partial(nn.GroupNorm, 2)})
        self.stem = nn.Conv2d(
            3,
            self.width,
            ValueChoice("kernel", [1, 3, 5]),
            padding="same",
            bias=ValueChoice("bias", [True, False]),
        )
        self.norm = norm(self.width)
        self.blocks = Repeat("depth", 0, 2, self.block)
        self.join = InputChoice("join", 2, chosen=None, reduction="mean")
        self.head = nn.Linear(self.width, 5)

    def block(self, i: int) -> nn.Module:
        return LayerChoice(
            f"op_{i}",
            {"half": partial(self.bottleneck, i), "skip": nn.Identity, "depthwise": self.depthwise},
        )

    def bottleneck(self, i: int) -> nn.Module:
        inner = 2 * self.width // ValueChoice(f"squeeze_{i}", [1, 2])
        return nn.Sequential(
            nn.Conv2d(self.width, inner, 1),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, self.width, 1),
        )

    def depthwise(self) -> nn.Module:
        return nn.Conv2d(self.width, self.width, 3, padding=1, groups=self.width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.stem(x))
        return self.head(self.join([x, self.blocks(x)]).mean((2, 3)))


class Sequence(nn.Module):
    """Attention of several sizes, recurrent layers, tied weights, a positional table."""

    def __init__(self) -> None:
        super().__init__()
        width = ValueChoice("width", [8, 16])
        self.embed = nn.Embedding(11, width)
        self.attention = nn.MultiheadAttention(width, width // 4, batch_first=True)
        cells = {
            "lstm": partial(nn.LSTM, width, 2 * width, batch_first=True),
            "gru": partial(nn.GRU, width, 2 * width, batch_first=True),
        }
        self.recurrent = LayerChoice("cell", cells)
        self.down = nn.Linear(2 * width, width)
        self.out = nn.Linear(width, 11, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.out(self.down(self.recurrent(x)[0]))


SPACES: dict[str, tuple[Callable[[], ModelSpace], Callable[[], torch.Tensor]]] = {
    "mixed": (lambda: ModelSpace(Mixed), lambda: torch.rand(4, 3, 8, 8)),
    "sequence": (lambda: ModelSpace(Sequence), lambda: torch.randint(0, 11, (2, 5))),
    **{name: made for name, made in READY_MADE.items() if name != "nasbench101"},
}


@pytest.mark.parametrize("name", SPACES)
def test_supernet_and_built_networks_agree(name: str) -> None:
    space, inputs = SPACES[name]
    check_same_as_built(space(), inputs(), configs=8)


@st.composite
def networks(draw: st.DrawFn) -> Callable[[], nn.Module]:
    """A random chain of layers whose widths, kernels, depths and kinds may be choices."""
    plan = draw(
        st.lists(
            st.sampled_from(["conv", "depthwise", "norm", "choice", "repeat", "pick"]),
            min_size=1,
            max_size=4,
        )
    )
    widths = draw(st.lists(st.sampled_from([2, 3, 4, 6]), min_size=1, max_size=3, unique=True))
    kernels = draw(st.lists(st.sampled_from([1, 3, 5]), min_size=1, max_size=3, unique=True))
    scale = draw(st.sampled_from([1, 2]))

    def layer(kind: str, name: str, inputs: int, width: int) -> nn.Module:
        conv = partial(nn.Conv2d, padding="same")
        if kind == "conv":
            return conv(inputs, width, ValueChoice(f"kernel_{name}", kernels))
        if kind == "depthwise":
            grouped = conv(
                inputs, scale * inputs, ValueChoice(f"kernel_{name}", kernels), groups=inputs
            )
            return nn.Sequential(grouped, nn.Conv2d(scale * inputs, width, 1))
        if kind == "norm":
            return nn.Sequential(conv(inputs, width, 1), nn.BatchNorm2d(width))
        if kind == "repeat":
            blocks = Repeat(
                f"depth_{name}", 0, 2, lambda i: layer("choice", f"{name}_{i}", width, width)
            )
            return nn.Sequential(conv(inputs, width, 1), blocks)
        options = {
            "a": partial(layer, "conv", f"{name}_a", inputs, width),
            "b": partial(layer, "depthwise", f"{name}_b", inputs, width),
        }
        return LayerChoice(f"op_{name}", options)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            width = ValueChoice("first", widths)
            self.layers = nn.ModuleList([nn.Conv2d(3, width, 1)])
            self.pick = InputChoice("inputs", 2, chosen=None)
            for index, kind in enumerate(plan):
                inputs, width = (
                    width,
                    width if kind == "pick" else ValueChoice(f"width_{index}", widths),
                )
                self.layers.append(
                    layer("choice" if kind == "pick" else kind, str(index), inputs, width)
                )
            self.head = nn.Linear(width, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for made in self.layers:
                y = made(x)
                x = self.pick([x, y]) if x.shape == y.shape else y
            return self.head(x.mean((2, 3)))

    return Net


@settings(max_examples=25, deadline=None)
@given(networks())
def test_random_spaces(factory: Callable[[], nn.Module]) -> None:
    check_same_as_built(ModelSpace(factory), torch.rand(3, 3, 6, 6), configs=3)


def test_kernels_are_centred_and_widths_lead() -> None:
    space = ModelSpace(Mixed)
    supernet = space.supernet()
    config = {"width": 4, "norm": "batch", "kernel": 3, "bias": True, "depth": 0, "join": "0"}
    assert torch.equal(
        supernet.weights(config)["stem.weight"], supernet.stem.weight[:4, :, 1:4, 1:4]
    )
    assert supernet.stem.weight.shape == (8, 3, 5, 5)


def test_a_step_trains_only_what_was_chosen() -> None:
    space = READY_MADE["nasbench201"][0]()
    supernet = space.supernet()
    config = dict.fromkeys(space.config_space, "nor_conv_3x3")
    supernet(torch.rand(2, 3, 8, 8), config).sum().backward()
    touched = {name for name, p in supernet.named_parameters() if p.grad is not None}
    assert touched == {name for name, _ in space.build(config).named_parameters()}
    assert not any("1x1" in name for name in touched)


def test_a_network_takes_a_copy_of_its_weights_along() -> None:
    space, inputs = ModelSpace(Mixed), torch.rand(4, 3, 6, 6)
    supernet = space.supernet().eval()
    for config in space.sample(size=5, random_state=np.random.default_rng(1)):
        network = supernet.network(config)
        expected = supernet(inputs, config)
        assert torch.allclose(network(inputs), expected, atol=1e-6)
        for parameter in network.parameters():
            parameter.data.zero_()
        assert torch.equal(supernet(inputs, config), expected)
        assert network.state_dict().keys() == space.build(config).state_dict().keys()


def test_state_survives_copies_pickles_and_state_dicts() -> None:
    space = READY_MADE["chain"][0]()
    config, images = space.sample(random_state=0), torch.rand(2, 3, 16, 16)
    supernet = space.supernet().eval()
    expected = supernet(images, config)
    other = space.supernet().eval()
    other.load_state_dict(supernet.state_dict())
    for same in (copy.deepcopy(supernet), pickle.loads(pickle.dumps(supernet)), other):
        assert torch.equal(same(images, config), expected)


class Own(nn.Module):
    """A layer with a parameter of its own, whose width varies."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale


def _groups() -> nn.Module:
    width = ValueChoice("width", [4, 8])
    return nn.Sequential(nn.Conv2d(3, width, 1), nn.Conv2d(width, width, 3, groups=2))


def _attention() -> nn.Module:
    return nn.MultiheadAttention(ValueChoice("width", [8, 16]), 2)


def _bidirectional() -> nn.Module:
    return nn.LSTM(3, ValueChoice("width", [8, 16]), bidirectional=True)


def _kinds() -> nn.Module:
    return ValueChoice("kind", {"lstm": nn.LSTM, "gru": nn.GRU})(3, ValueChoice("width", [8, 16]))


def _own() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), Own(ValueChoice("width", [1, 4])))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_groups, r"supernet: 1 \(Conv2d\) varies in size and in the channels per group"),
        (
            _attention,
            r"\(MultiheadAttention\) varies in size and in the width of a head \(8 or 4\)",
        ),
        (
            _bidirectional,
            r"\(LSTM\) varies in size and in the hidden size of a bidirectional layer",
        ),
        (_kinds, r"weight_ih_l0 varies in shape and in kind \(LSTM and another\)"),
        (_own, "supernet: 1.scale varies in shape, and Own has no slicing rule"),
    ],
)
def test_layers_that_slices_would_mix_up_are_refused_by_name(
    make: Callable[[], nn.Module], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ModelSpace(make).supernet()


def test_a_layer_can_register_its_rule() -> None:
    class Scaled(Own):
        pass

    def make() -> nn.Module:
        width = ValueChoice("width", [2, 4])
        return nn.Sequential(nn.Linear(3, width), Scaled(width))

    register_slicing(Scaled, Slicing(lambda name, full, shape: full[full.shape[0] - shape[0] :]))
    supernet = ModelSpace(make).supernet()
    with torch.no_grad():
        supernet.get_parameter("1.scale").copy_(torch.arange(4.0))
    assert supernet.weights({"width": 2})["1.scale"].tolist() == [2.0, 3.0]


def test_flattening_a_varying_image_is_refused_and_varying_channels_are_not() -> None:
    def make(size: bool) -> nn.Module:
        width, stride = ValueChoice("width", [2, 4]), ValueChoice("stride", [1, 2]) if size else 1
        pixels = (4 // stride) ** 2
        return nn.Sequential(
            nn.Conv2d(3, width, 1, stride=stride), nn.Flatten(), nn.Linear(width * pixels, 2)
        )

    check_same_as_built(ModelSpace(partial(make, False)), torch.rand(2, 3, 4, 4))
    supernet = ModelSpace(partial(make, True)).supernet()
    supernet(torch.rand(2, 3, 4, 4), {"width": 2, "stride": 1})
    with pytest.raises(
        ValueError, match=r"1 \(Flatten\) is given \(2, 2\) behind its first dimension"
    ):
        supernet(torch.rand(2, 3, 4, 4), {"width": 4, "stride": 2})


def test_sizes_that_fall_with_a_value_are_found_and_others_refused_by_name() -> None:
    def make(fold: int) -> nn.Module:
        width, ratio = ValueChoice("width", [8, 16]), ValueChoice("ratio", [1, 2, 4])
        inner = width // ratio if fold == 0 else 4 + (ratio * fold) % 7
        return nn.Sequential(nn.Linear(3, inner), nn.Linear(inner, 2))

    assert ModelSpace(partial(make, 0)).supernet().get_parameter("0.weight").shape == (16, 3)
    supernet = ModelSpace(partial(make, 3)).supernet()
    with pytest.raises(
        ValueError,
        match=r"0\.weight has shape \(10, 3\) with this config, but \(9, 3\) is the largest",
    ):
        supernet(torch.rand(2, 3), {"width": 16, "ratio": 2})
