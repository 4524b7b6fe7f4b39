"""Networks and batches of many kinds."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations

Make = Callable[[], tuple[nn.Module, tuple[Any, torch.Tensor | None]]]


def images(examples: int = 8, size: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    inputs = torch.randn(examples, 3, size, size, generator=rng)
    return inputs, torch.arange(examples) % 3


def conv_net(inplace: bool = False, norm: bool = True) -> nn.Module:
    def block(inputs: int, width: int) -> list[nn.Module]:
        norms = [nn.BatchNorm2d(width)] if norm else []
        return [nn.Conv2d(inputs, width, 3, padding=1), *norms, nn.ReLU(inplace=inplace)]

    torch.manual_seed(0)
    return nn.Sequential(
        *block(3, 6),
        *block(6, 6),
        nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
        nn.Dropout(0.5),
        *block(6, 8),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 3),
    )


class Functional(nn.Module):
    """Activations called as functions, two inputs, state in lists and plain attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 40), nn.Linear(3, 40)
        self.head = nn.Linear(40, 3)
        self.calls, self.seen = 0, []
        self.scale = torch.ones(40)

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> dict[str, torch.Tensor]:
        self.calls += 1
        self.seen.append(len(left))
        self.scale.mul_(0.9)
        hidden = functional.relu(self.first(left) + self.second(right)) * self.scale
        return {"logits": self.head(functional.relu(hidden, inplace=True))}


class Text(nn.Module):
    """Tokens through an embedding, a recurrent layer and attention with tied weights."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.recurrent = nn.LSTM(6, 6, batch_first=True)
        self.encoder = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)
        self.head = nn.Linear(6, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden, _ = self.recurrent(self.embedding(tokens))
        return self.head(self.encoder(hidden).mean(1))


def _normal() -> Any:
    return conv_net(), images()


def _inplace() -> Any:
    return conv_net(inplace=True), images()


def _without_norm() -> Any:
    return conv_net(norm=False), images()


def _one_example() -> Any:
    return conv_net(), images(1)


def _frozen() -> Any:
    network = conv_net()
    for parameter in network[:4].parameters():
        parameter.requires_grad_(False)
    return network.eval(), images()


def _half() -> Any:
    inputs, labels = images()
    return conv_net().half(), (inputs.half(), labels)


def _double() -> Any:
    return conv_net().double(), images()


def _two_inputs() -> Any:
    rng = torch.Generator().manual_seed(0)
    inputs = (torch.randn(8, 4, generator=rng), torch.randn(8, 3, generator=rng))
    return Functional(), (inputs, torch.arange(8) % 3)


def _named_inputs() -> Any:
    network, ((left, right), labels) = _two_inputs()
    return network, ({"left": left, "right": right}, labels)


def _text() -> Any:
    torch.manual_seed(0)
    tokens = torch.randint(11, (8, 5), generator=torch.Generator().manual_seed(0))
    return Text(), (tokens, torch.arange(8) % 11)


def _hooked() -> Any:
    """With hooks, gradients, a normed weight and layers in different modes."""
    network = conv_net()
    parametrizations.weight_norm(network[0])
    network(images()[0]).sum().backward()
    network[1].eval()
    network[3].register_forward_hook(lambda module, inputs, outputs: outputs + 0)
    network[-1].weight.register_hook(lambda gradient: gradient)
    return network, images()


def _no_relu() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 4), nn.Tanh(), nn.Linear(4, 3)), images()


def _dead() -> Any:
    """No input reaches an output."""
    network = conv_net(norm=False)
    nn.init.zeros_(network[0].weight)
    return network, images()


def _exploding() -> Any:
    network = conv_net(norm=False)
    for parameter in network.parameters():
        parameter.data.mul_(1e30)
    return network, images()


def _no_weights() -> Any:
    return nn.Sequential(nn.Flatten(), nn.ReLU()), images()


def _wrong_batch() -> Any:
    return conv_net(), (torch.randn(8, 5, 8, 8), torch.zeros(8, dtype=torch.long))


def _meta() -> Any:
    return conv_net().to("meta"), images()


def _regression() -> Any:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 40), nn.ReLU(), nn.Linear(40, 2))
    return network, (torch.randn(8, 4), torch.randn(8, 2))


def _sequences() -> Any:
    """A 1-D convolutional network."""
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv1d(2, 6, 3, padding=1), nn.BatchNorm1d(6), nn.GELU()),
        *(nn.Conv1d(6, 6, 3, padding=1), nn.GELU(), nn.AdaptiveAvgPool1d(1), nn.Flatten()),
        nn.Linear(6, 3),
    )
    return network, (torch.randn(8, 2, 12), torch.arange(8) % 3)


CASES: dict[str, Make] = {
    "normal": _normal,
    "inplace": _inplace,
    "without_norm": _without_norm,
    "one_example": _one_example,
    "frozen": _frozen,
    "half": _half,
    "double": _double,
    "two_inputs": _two_inputs,
    "named_inputs": _named_inputs,
    "text": _text,
    "hooked": _hooked,
    "no_relu": _no_relu,
    "dead": _dead,
    "exploding": _exploding,
    "no_weights": _no_weights,
    "wrong_batch": _wrong_batch,
    "meta": _meta,
    "regression": _regression,
    "sequences": _sequences,
}
"""Makes a network and a batch, by what is special about them."""
