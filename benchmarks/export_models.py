# ruff: noqa: D102
"""Networks of users for `benchmarks/export.py`: ordinary modules with choices in them."""

from typing import Any

import torch
from torch import nn

from ray_nas.spaces import InputChoice, LayerChoice, ModelSpace, Repeat, ValueChoice


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class Images(nn.Module):
    """A convolutional network of a choice of width, depth and layers."""

    def __init__(self) -> None:
        super().__init__()
        width = ValueChoice("width", [8, 16])
        self.stem = _conv(1, width, ValueChoice("stem_kernel", [3, 5]))
        self.blocks = Repeat("depth", 1, 4, lambda index: self._block(index, width))
        self.head = nn.Linear(width, 10)

    def _block(self, index: int, width: int) -> nn.Module:
        layers = {"conv3": _conv(width, width, 3), "conv5": _conv(width, width, 5)}
        return LayerChoice(f"block_{index}", {**layers, "skip": nn.Identity()})

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(images)).mean((2, 3)))  # type: ignore[no-any-return]


class Words(nn.Module):
    """A text classifier: attention or a recurrent layer, a mask, weights used twice."""

    def __init__(self) -> None:
        super().__init__()
        width = ValueChoice("width", [8, 16])
        self.words = nn.Embedding(20, width, padding_idx=0)
        mixers = {"attention": lambda: _Attention(width), "lstm": lambda: _Recurrent(width)}
        self.mixer = LayerChoice("mixer", mixers)
        activations = {"gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
        self.activation = ValueChoice("activation", activations)()
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, 20, bias=False)
        if ValueChoice("tied", [True, False]):
            self.output.weight = self.words.weight

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        mask = words == 0
        values = self.words(words)
        values = self.norm(values + self.activation(self.mixer(values, mask)))
        values = values.masked_fill(mask[:, :, None], 0.0)
        return self.output(values.sum(1) / (~mask).sum(1, keepdim=True).clamp(min=1))  # type: ignore[no-any-return]


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = nn.MultiheadAttention(width, 2, batch_first=True)

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.heads(values, values, values, key_padding_mask=mask)[0]  # type: ignore[no-any-return]


class _Recurrent(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width // 2, batch_first=True, bidirectional=True)

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.lstm(values)[0]  # type: ignore[no-any-return]


class Sensors(nn.Module):
    """Two inputs, layers of the user's own, and code that depends on the shape of its input."""

    def __init__(self) -> None:
        super().__init__()
        width = ValueChoice("width", [6, 12])
        self.encode = nn.ModuleDict({"left": nn.Linear(5, width), "right": nn.Linear(3, width)})
        self.join = InputChoice("join", ["left", "right", "both"], chosen=None, reduction="mean")
        self.waves = Repeat("depth", 0, 3, lambda index: _Wave(width))
        self.head = LayerChoice("head", {"linear": nn.Linear(width, 4), "scaled": _Scaled(width)})

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        first, second = self.encode["left"](left), self.encode["right"](right)
        joined = self.join([first, second, first * second])
        return self.head(self.waves(joined))  # type: ignore[no-any-return]


class _Wave(nn.Module):
    """Parameters and a buffer that no layer of torch holds."""

    phase: torch.Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.amplitude = nn.Parameter(torch.rand(width))
        self.register_buffer("phase", torch.linspace(0, 1, width), persistent=False)
        self.offset = torch.full((width,), 0.1)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if values.shape[-1] > 8:  # torch.fx cannot follow this
            values = values.roll(1, dims=-1)
        return values + self.amplitude * torch.sin(values + self.phase) + self.offset


class _Scaled(nn.Linear):
    """A subclass of a layer of torch."""

    def __init__(self, width: int) -> None:
        super().__init__(width, 4)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return super().forward(values) * 0.5


class Undecided(nn.Module):
    """A network that no format can hold: its code depends on the values of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.first = LayerChoice("first", [nn.Linear(4, 4), nn.Identity()])
        self.gate = _Gate()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.gate(self.first(values))  # type: ignore[no-any-return]


class _Gate(nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values if values.sum() > 0 else -values


def sensors_inputs(rows: int) -> tuple[torch.Tensor, ...]:
    """Inputs of `Sensors`."""
    return torch.rand(rows, 5), torch.rand(rows, 3)


def words_inputs(rows: int) -> tuple[torch.Tensor, ...]:
    """Inputs of `Words`: texts of six words, some of them shorter."""
    words = torch.randint(1, 20, (rows, 6))
    words[::2, 4:] = 0
    return (words,)


USER_MODELS: dict[str, tuple[Any, Any]] = {
    "images (user's)": (lambda: ModelSpace(Images), lambda rows: (torch.rand(rows, 1, 8, 8),)),
    "words (user's)": (lambda: ModelSpace(Words), words_inputs),
    "sensors (user's)": (lambda: ModelSpace(Sensors), sensors_inputs),
}
"""Name to the space, and inputs for a number of rows."""
