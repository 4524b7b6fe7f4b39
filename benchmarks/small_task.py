"""Digits in clutter: an image task small enough to train hundreds of networks on two cores.

It is hard enough to tell the networks apart. The images are made from the 1,797 digits of 8x8
pixels that scikit-learn ships. Each shows one whole digit at a random position of a 12x12 canvas,
with random contrast, beside a quarter of another digit and under noise. The digits are split into
training, validation and test sets before any image is made, so that none appears in two sets.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from ray_nas.spaces import NASBench201

CANVAS: Final = 12
DIGIT: Final = 8
FRAGMENT: Final = 4
FRAGMENTS: Final = 1
NOISE: Final = 0.1
IMAGES: Final = {"train": 2500, "val": 400, "test": 2000}
"""Number of images in each split."""
EPOCHS: Final = 10
BATCH_SIZE: Final = 128
LEARNING_RATE: Final = 0.1
WEIGHT_DECAY: Final = 5e-4

Pair = tuple[torch.Tensor, torch.Tensor]
"""Images of shape (number, 1, 12, 12) and their classes, 0 to 9."""


@dataclass(frozen=True)
class Figures:
    """Metrics of a trained network."""

    accuracy: float
    """In percent."""
    nll: float
    """Mean negative log-likelihood in nats."""


def small_task(seed: int = 0) -> dict[str, Pair]:
    """The images of `train`, `val` and `test`.

    Args:
        seed: Seed of the split and the images; the published results use 0.
    """
    rng = np.random.default_rng(seed)
    digits, labels = load_digits(return_X_y=True)
    order = rng.permutation(len(labels))
    parts = dict(zip(IMAGES, np.split(order, [900, 1300]), strict=True))
    return {
        name: _images(digits[part].reshape(-1, DIGIT, DIGIT) / 16, labels[part], IMAGES[name], rng)
        for name, part in parts.items()
    }


def small_space() -> NASBench201:
    """NAS-Bench-201's cells in a network of three cells for these images."""
    return NASBench201(channels=4, cells_per_stage=1, num_classes=10, in_channels=1)


def train_alone(network: nn.Module, data: Pair, seed: int, epochs: int = EPOCHS) -> None:
    """Trains a network from its initial weights with NAS-Bench-201's recipe.

    The recipe is SGD with Nesterov momentum and a cosine learning rate schedule.

    Args:
        network: Trained in place.
        data: Training images and classes.
        seed: Seed of the order of the batches.
        epochs: Passes over the data.
    """
    images, labels = data
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(
        network.parameters(), LEARNING_RATE, momentum=0.9, weight_decay=WEIGHT_DECAY, nesterov=True
    )
    steps = epochs * -(-len(labels) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    network.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(labels), generator=generator).split(BATCH_SIZE):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            schedule.step()


@torch.no_grad()
def figures(network: nn.Module, data: Pair) -> Figures:
    """Accuracy and negative log-likelihood of a trained network."""
    network.eval()
    logits = torch.cat([network(part) for part in data[0].split(500)])
    accuracy = 100 * (logits.argmax(1) == data[1]).float().mean()
    return Figures(float(accuracy), float(nn.functional.cross_entropy(logits, data[1])))


def _images(digits: np.ndarray, labels: np.ndarray, number: int, rng: np.random.Generator) -> Pair:
    chosen = rng.integers(len(labels), size=number)
    canvas = np.zeros((number, CANVAS, CANVAS))
    for image, index in zip(canvas, chosen, strict=True):
        for _ in range(FRAGMENTS):
            other = digits[rng.integers(len(digits))]
            y, x = rng.integers(DIGIT - FRAGMENT + 1, size=2)
            _stamp(image, other[y : y + FRAGMENT, x : x + FRAGMENT], rng)
        _stamp(image, digits[index], rng)
        image *= rng.uniform(0.4, 1.0)
    canvas += NOISE * rng.standard_normal(canvas.shape)
    return torch.tensor(canvas[:, None], dtype=torch.float32), torch.tensor(labels[chosen])


def _stamp(image: np.ndarray, part: np.ndarray, rng: np.random.Generator) -> None:
    """Draws a part over the image at a random position; the brighter pixel wins."""
    size = len(part)
    y, x = rng.integers(CANVAS - size + 1, size=2)
    place = image[y : y + size, x : x + size]
    np.maximum(place, part, out=place)
