"""Multi-layer perceptrons for vectors, after "Well-tuned Simple Nets".

Kadra et al. (2021), https://arxiv.org/abs/2106.11189
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import torch
from torch import nn

from ray_nas.spaces.model.choice_context import label_prefix
from ray_nas.spaces.model.choices import LayerChoice, Repeat, ValueChoice
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes

ACTIVATIONS: Final[dict[str, Callable[[], nn.Module]]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "selu": nn.SELU,
}


class MLPSpace(ModelSpace):
    """Fully connected networks with one activation and one kind of norm.

    `depth` is the number of hidden layers; `layer_i.width` and `layer_i.dropout` belong to layer
    `i`; `activation` and `norm` hold for all layers. With the defaults there are 4.9e11 networks,
    the paper's nine layers of 512 units among them.

    Args:
        inputs: Entries of an input vector.
        outputs: Entries of an output vector (classes, or targets of a regression).
        max_layers: Most hidden layers.
        widths: Units that a layer may have.
        dropouts: Rates after a layer, in [0, 1].

    Raises:
        ValueError: `inputs`, `outputs` or `max_layers` is below 1.

    Example:
        >>> import torch
        >>> space = MLPSpace(inputs=4, outputs=3, max_layers=2)
        >>> network = space.build(space.sample(random_state=0))
        >>> network(torch.zeros(2, 4)).shape
        torch.Size([2, 3])
    """

    baseline = None

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
        sizes = (inputs, outputs, max_layers, tuple(widths), tuple(dropouts))
        super().__init__(partial(_Network, *sizes))
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
            with label_prefix(f"layer_{index}"):
                before = self.width
                self.width = ValueChoice("width", widths)
                rate = ValueChoice("dropout", dropouts)
            norms: dict[str, Callable[[], nn.Module]] = {
                "none": nn.Identity,
                "batch": partial(nn.BatchNorm1d, self.width),
                "layer": partial(nn.LayerNorm, self.width),
            }
            norm = LayerChoice("norm", norms)
            return nn.Sequential(
                nn.Linear(before, self.width), norm, activation(), nn.Dropout(rate)
            )

        hidden = Repeat("depth", 1, max_layers, layer)
        super().__init__(hidden, nn.Linear(self.width, outputs))

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        return super().forward(vectors.flatten(1))  # type: ignore[no-any-return, no-untyped-call]
