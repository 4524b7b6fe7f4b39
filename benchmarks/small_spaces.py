"""Four small tasks with a search space each.

They are searched for a transformer, a 1-D convolutional network, a multi-layer perceptron and a
mobile network. The data are made from the 1,797 digits that scikit-learn ships, or drawn from a
seed: nothing is downloaded. Networks train in seconds on one core.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from sklearn.datasets import load_digits
from small_task import Pair
from torch import nn

from ray_nas.spaces import (
    LayerChoice,
    MLPSpace,
    MobileNetSpace,
    ModelSpace,
    Repeat,
    TransformerSpace,
    ValueChoice,
    label_prefix,
)

EXAMPLES: Final = {"train": 2000, "test": 2000}
"""Images, texts or series in each split."""
NOISE: Final = 0.1
"""Standard deviation of the noise on pixels in [0, 1]."""
BRIGHT: Final = 0.25
"""A pixel brighter than this sets its bit in the transformer's words."""
PATCH: Final = 2
"""Height and width of the patch that a word describes."""
LENGTH: Final = 40
"""Steps of a series."""


@dataclass(frozen=True)
class Task:
    """A search space, its data, and how a network of it is trained."""

    space: Callable[[], ModelSpace]
    data: Callable[[], dict[str, Pair]]
    """Makes the splits `train` and `test`."""
    epochs: int
    learning_rate: float
    batch_size: int = 128

    def train(self, network: nn.Module, data: Pair, seed: int) -> None:
        """Trains in place with AdamW, whose rate rises for a tenth of the steps and then falls.

        Args:
            network: The network, with its initial weights.
            data: Training inputs and classes.
            seed: Seed of the order of the batches and of dropout.
        """
        inputs, labels = data
        steps = self.epochs * -(-len(labels) // self.batch_size)
        optimizer = torch.optim.AdamW(network.parameters(), self.learning_rate, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.learning_rate, total_steps=steps, pct_start=0.1
        )
        torch.manual_seed(seed)
        network.train()
        for _ in range(self.epochs):
            for batch in torch.randperm(len(labels)).split(self.batch_size):
                optimizer.zero_grad()
                nn.functional.cross_entropy(network(inputs[batch]), labels[batch]).backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                schedule.step()


def noisy_digits(seed: int = 0) -> dict[str, Pair]:
    """Digits of 8x8 pixels, moved by at most one pixel, with random contrast, under noise.

    The digits are split before any image is made, so that none appears in two splits. Images have
    shape (number, 1, 8, 8).
    """
    rng = np.random.default_rng(seed)
    digits, labels = load_digits(return_X_y=True)
    halves = np.array_split(rng.permutation(len(labels)), len(EXAMPLES))
    return {
        name: _images(digits[half].reshape(-1, 8, 8) / 16, labels[half], number, rng)
        for (name, number), half in zip(EXAMPLES.items(), halves, strict=True)
    }


def _images(digits: np.ndarray, labels: np.ndarray, number: int, rng: np.random.Generator) -> Pair:
    chosen = rng.integers(len(labels), size=number)
    moves = rng.integers(-1, 2, size=(number, 2))
    images = np.stack(
        [np.roll(digits[row], move, (0, 1)) for row, move in zip(chosen, moves, strict=True)]
    )
    images *= rng.uniform(0.5, 1.0, (number, 1, 1))
    images += NOISE * rng.standard_normal(images.shape)
    return torch.tensor(images[:, None], dtype=torch.float32), torch.tensor(labels[chosen])


def words_from_digits() -> dict[str, Pair]:
    """The images of `noisy_digits` as texts: a first word, then one word for each 2x2 patch.

    Texts have shape (number, 17). Word 0 is padding and does not occur; word 1 comes first.
    """

    def texts(images: torch.Tensor) -> torch.Tensor:
        bits = (images > BRIGHT).long()
        patches = bits.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH).flatten(4).flatten(1, 3)
        words = 2 + (patches * 2 ** torch.arange(PATCH**2)).sum(-1)
        return nn.functional.pad(words, (1, 0), value=1)

    return {name: (texts(images), labels) for name, (images, labels) in noisy_digits().items()}


def noisy_curves(seed: int = 0) -> dict[str, Pair]:
    """Ten smooth curves, each stretched, shifted and tilted at random under correlated noise.

    The task resembles MNIST-1D (Greydanus & Kobak, 2024), https://arxiv.org/abs/2011.14439, with
    curves drawn here. Series have shape (number, 1, 40).
    """
    rng = np.random.default_rng(seed)
    shapes = gaussian_filter1d(rng.standard_normal((10, 24)), 1.5, axis=1, mode="wrap")
    shapes /= shapes.std(1, keepdims=True)
    return {name: _series(shapes, number, rng) for name, number in EXAMPLES.items()}


def _series(shapes: np.ndarray, number: int, rng: np.random.Generator) -> Pair:
    labels = rng.integers(len(shapes), size=number)
    series = gaussian_filter1d(rng.standard_normal((number, LENGTH)), 1.0, axis=1)
    for row, label in zip(series, labels, strict=True):
        length = int(rng.integers(14, 29))
        start = int(rng.integers(LENGTH - length + 1))
        points = np.linspace(0, shapes.shape[1] - 1, length)
        curve = np.interp(points, np.arange(shapes.shape[1]), shapes[label])
        tilt = rng.uniform(-1, 1) * np.linspace(-1, 1, length)
        row[start : start + length] += rng.uniform(0.6, 1.4) * curve + tilt
    return torch.tensor(series[:, None], dtype=torch.float32), torch.tensor(labels)


class Convolutional1d(nn.Module):
    """Two stages of 1-D convolutions: width, depth, kernel, dilation, norm and pooling vary."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.Sequential()
        width = 1
        for stage in range(2):
            with label_prefix(f"stage_{stage}"):
                inputs, width = width, ValueChoice("width", [4, 8, 16, 32])
                self.stages.append(Repeat("depth", 1, 3, partial(_layer, inputs, width)))
                pools = {"max": partial(nn.MaxPool1d, 2), "avg": partial(nn.AvgPool1d, 2)}
                self.stages.append(LayerChoice("pool", {**pools, "none": nn.Identity}))
        self.classifier = nn.Linear(width, 10)

    def forward(self, series: torch.Tensor) -> torch.Tensor:
        """Series (batch, 1, 40) to logits (batch, 10)."""
        return self.classifier(self.stages(series).mean(2))


def _layer(inputs: int, width: int, index: int) -> nn.Sequential:
    inputs = inputs if index == 0 else width
    kernel = ValueChoice("kernel", [1, 3, 5, 9])
    dilation = ValueChoice("dilation", [1, 2])
    padding = dilation * (kernel - 1) // 2
    norms = {"batch": partial(nn.BatchNorm1d, width), "none": nn.Identity}
    return nn.Sequential(
        nn.Conv1d(inputs, width, kernel, dilation=dilation, padding=padding),
        LayerChoice("norm", norms),
        nn.ReLU(),
    )


def _transformer() -> ModelSpace:
    return TransformerSpace(
        2 + 2 ** (PATCH**2),
        10,
        max_length=17,
        widths=(8, 16, 32, 48),
        min_layers=1,
        max_layers=3,
        heads=(1, 2, 4),
        ratios=(1, 2, 4),
        head_width=8,
        dropout=0.0,
    )


def _mobile() -> ModelSpace:
    return MobileNetSpace(
        (1, 8, 8),
        10,
        stages=[(8, 2, 1), (16, 3, 1), (24, 2, 2)],
        kernels=(1, 3, 5),
        expansions=(1, 2, 4),
    )


def _perceptron() -> ModelSpace:
    return MLPSpace(64, 10, max_layers=5, widths=(8, 16, 32, 64, 128, 256))


TASKS: Final[dict[str, Task]] = {
    "transformer": Task(_transformer, words_from_digits, epochs=15, learning_rate=3e-3),
    "convolution_1d": Task(
        lambda: ModelSpace(Convolutional1d, input_shape=(1, LENGTH)),
        noisy_curves,
        epochs=15,
        learning_rate=1e-2,
    ),
    "perceptron": Task(_perceptron, noisy_digits, epochs=40, learning_rate=3e-3),
    "mobile": Task(_mobile, noisy_digits, epochs=4, learning_rate=5e-3, batch_size=32),
}


def configs_of(task: Task, number: int) -> list[dict[str, Any]]:
    """Random configs of the task's space, all different."""
    space, rng = task.space(), np.random.default_rng(0)
    configs: dict[str, dict[str, Any]] = {}
    while len(configs) < number:
        config = space.sample(random_state=rng)
        configs.setdefault(space.canonical(config), config)
    return list(configs.values())
