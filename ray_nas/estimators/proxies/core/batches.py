"""A batch as proxies use it: inputs of any kind, labels, and one call of the network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

Tensors = list[torch.Tensor]


@dataclass(frozen=True)
class Batch:
    """Inputs and labels of some examples, the first axis of every tensor.

    Example:
        >>> batch = Batch(torch.zeros(4, 3), None)
        >>> batch.size, batch.call(nn.Linear(3, 2)).shape
        (4, torch.Size([4, 2]))
    """

    inputs: Any
    """A tensor; or a tuple or list of positional, or a mapping of keyword arguments."""
    labels: torch.Tensor | None
    """Classes, shape (examples,), or targets of the outputs' shape; None if unknown."""

    @property
    def tensors(self) -> Tensors:
        """The tensors in the inputs."""
        return [leaf for leaf in tree_leaves(self.inputs) if isinstance(leaf, torch.Tensor)]

    @property
    def float_tensors(self) -> Tensors:
        """The tensors in the inputs that can have a gradient."""
        return [tensor for tensor in self.tensors if tensor.is_floating_point()]

    @property
    def size(self) -> int:
        """Number of examples."""
        return len(self.tensors[0])

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "Batch":
        """The batch with every tensor of its inputs replaced."""
        inputs = tree_map(
            lambda leaf: change(leaf) if isinstance(leaf, torch.Tensor) else leaf, self.inputs
        )
        return replace(self, inputs=inputs)

    def map_floats(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "Batch":
        """The batch with every floating-point tensor of its inputs replaced."""
        return self.map(lambda tensor: change(tensor) if tensor.is_floating_point() else tensor)

    def first(self, examples: int) -> "Batch":
        """The first examples alone."""
        return self._select(slice(examples))

    def last(self, examples: int) -> "Batch":
        """The last examples alone."""
        return self._select(slice(self.size - examples, None))

    def _select(self, examples: slice) -> "Batch":
        labels = None if self.labels is None else self.labels[examples]
        return replace(self.map(lambda tensor: tensor[examples]), labels=labels)

    @property
    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The inputs as positional and keyword arguments of a network."""
        inputs = self.inputs
        if isinstance(inputs, Mapping):
            return (), dict(inputs)
        return (tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)), {}

    def call(self, network: nn.Module) -> torch.Tensor:
        """The network's outputs; of several, the first floating-point tensor.

        Raises:
            TypeError: The network returns no floating-point tensor.
        """
        positional, named = self.arguments
        return first_float_tensor(network(*positional, **named))


def first_float_tensor(outputs: Any) -> torch.Tensor:
    """The first floating-point tensor in a network's outputs.

    Raises:
        TypeError: There is none.

    Example:
        >>> first_float_tensor({"classes": torch.tensor([1]), "logits": torch.tensor([0.5])})
        tensor([0.5000])
    """
    # A mapping of its own class, as some libraries return, is no pytree.
    leaves = tree_leaves(list(outputs.values()) if isinstance(outputs, Mapping) else outputs)
    for leaf in leaves:
        if isinstance(leaf, torch.Tensor) and leaf.is_floating_point():
            return leaf
    raise TypeError(f"the network returned no floating-point tensor but {type(outputs).__name__}")


def check_batch(batch: Any) -> Batch:
    """Makes a `Batch` from `(inputs, labels)`.

    Raises:
        ValueError: It is no such pair, its inputs hold no tensor, or the numbers of examples are
            zero or differ.

    Example:
        >>> check_batch((torch.zeros(4, 3), torch.zeros(5)))
        Traceback (most recent call last):
        ...
        ValueError: batch must have one number of examples >= 1 in all tensors, got sizes 4, 5
    """
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise ValueError(
            "batch must be a pair (inputs, labels), labels None if unknown, got "
            f"{type(batch).__name__}"
        )
    inputs, labels = batch
    if not (labels is None or isinstance(labels, torch.Tensor)):
        raise ValueError(f"batch's labels must be a tensor or None, got {type(labels).__name__}")
    checked = Batch(dict(inputs) if isinstance(inputs, Mapping) else inputs, labels)
    tensors = checked.tensors
    if not tensors:
        raise ValueError(f"batch's inputs must hold a tensor, got {type(inputs).__name__}")
    sizes = [
        len(tensor) if tensor.dim() else 0
        for tensor in (*tensors, *([] if labels is None else [labels]))
    ]
    if len(set(sizes)) > 1 or sizes[0] < 1:
        raise ValueError(
            "batch must have one number of examples >= 1 in all tensors, got sizes "
            f"{', '.join(map(str, sizes))}"
        )
    return checked
