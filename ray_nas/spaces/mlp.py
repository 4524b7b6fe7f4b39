"""Multi-layer perceptrons for vectors (Kadra et al., 2021, "Well-tuned Simple Nets"):
https://arxiv.org/abs/2106.11189.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import torch
from torch import nn

from ray_nas.spaces.model.choices import LayerChoice, Repeat, ValueChoice, scope
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes

ACTIVATIONS: Final[dict[str, Callable[[], nn.Module]]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "selu": nn.SELU,
}


class MLPSpace(ModelSpace):
    """Fully connected networks: `depth` layers, `layer_i.width` and `layer_i.dropout` each, one
    `activation` and `norm`.

    4.9e11 networks with the defaults, among them the paper's nine layers of 512 units.

    Args:
        inputs: Entries of an input vector.
        outputs: Entries of an output vector (classes, or targets of a regression).
        max_layers: Most hidden layers.
        widths: Units that a layer may have.
        dropouts: Rates after a layer.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        max_layers: int = 9,
        widths: Sequence[int] = (32, 64, 128, 256, 512),
        dropouts: Sequence[float] = (0.0, 0.2, 0.5),
    ) -> None:
        check_sizes(inputs=inputs, outputs=outputs, max_layers=max_layers)
        super().__init__(
            partial(_Network, inputs, outputs, max_layers, tuple(widths), tuple(dropouts))
        )
        self.input_shape = (inputs,)


class _Network(nn.Sequential):
    def __init__(
        self,
        inputs: int,
        outputs: int,
        max_layers: int,
        widths: tuple[int, ...],
        dropouts: tuple[float, ...],
    ) -> None:
        self.width = inputs
        activation = ValueChoice("activation", ACTIVATIONS)

        def layer(index: int) -> nn.Module:
            with scope(f"layer_{index}"):
                before, self.width = self.width, ValueChoice("width", widths)
                rate = ValueChoice("dropout", dropouts)
            norm = LayerChoice(
                "norm",
                {
                    "none": nn.Identity,
                    "batch": partial(nn.BatchNorm1d, self.width),
                    "layer": partial(nn.LayerNorm, self.width),
                },
            )
            return nn.Sequential(
                nn.Linear(before, self.width), norm, activation(), nn.Dropout(rate)
            )

        hidden = Repeat("depth", 1, max_layers, layer)
        super().__init__(hidden, nn.Linear(self.width, outputs))

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        return super().forward(vectors.flatten(1))  # type: ignore[no-any-return, no-untyped-call]
