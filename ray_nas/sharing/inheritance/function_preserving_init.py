"""Fits a new layer into a network whose function it shall not change: with zeros where that helps,
else as an identity.

After network morphism (Wei et al., 2016), https://arxiv.org/abs/1603.01670, and Net2Net (Chen et
al., 2016), https://arxiv.org/abs/1511.05641
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, Final, Literal

import torch
from torch import nn

from ray_nas.sharing.inheritance.identity_rules import identity_of
from ray_nas.spaces.model.slicing import leading

TOLERANCE: Final = 1e-5
"""The largest difference of outputs at which they count as the same; of outputs below 1, this
part of the largest.
"""
Target = nn.Module | Literal["input", "zero"]
"""What a new layer's output should be: that of one of the old network's layers, its own input,
or zero.
"""


class Settling:
    """Waits for the first input of a new layer, when all before it is settled, and makes the layer
    fit in.

    Args:
        layer: The new layer.
        target: What its output should be.
        before: The outputs of the old network's layers.
        stack: On leaving, it stops waiting.
    """

    def __init__(
        self,
        layer: nn.Module,
        target: Target,
        before: Mapping[nn.Module, torch.Tensor],
        stack: ExitStack,
    ) -> None:
        self._layer, self._target, self._before = layer, target, before
        self._handle = layer.register_forward_pre_hook(self._settle, with_kwargs=True)
        stack.callback(self._handle.remove)

    def _settle(self, layer: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._handle.remove()  # once, and not while the layer is tried here
        run = partial(layer, *arguments, **named)
        output, inputs = run(), _first(arguments, named)
        if isinstance(self._target, nn.Module):
            target = self._before.get(self._target)
        else:
            target = (
                inputs
                if self._target == "input"
                else torch.zeros_like(output)
                if isinstance(output, torch.Tensor)
                else None
            )
        if target is not None and not agree(output, target) and not self._silence(run, target):
            self._pass_on(run, target)

    def _silence(self, run: Any, target: torch.Tensor) -> bool:
        """Sets parts to zero, the last first, until the output is right; then gives back those
        that need not be.
        """
        parts = [
            (part, [tensor.clone() for tensor in part.parameters(recurse=False)])
            for part in self._layer.modules()
        ]
        parts = [(part, saved) for part, saved in parts if saved]
        silenced = []
        for part, saved in reversed(parts):
            _fill(part, [torch.zeros_like(tensor) for tensor in saved])
            silenced.append((part, saved))
            if agree(run(), target):
                break
        else:
            for part, saved in parts:
                _fill(part, saved)
            return False
        for part, saved in silenced[:-1]:
            _fill(part, saved)
            if not agree(run(), target):
                _fill(part, [torch.zeros_like(tensor) for tensor in saved])
        return True

    def _pass_on(self, run: Any, target: torch.Tensor) -> None:
        """Gives every part identity weights, each with the inputs that it gets; takes them back
        where that is not right.
        """
        saved = {name: tensor.clone() for name, tensor in self._layer.state_dict().items()}
        with ExitStack() as stack:
            for part in _with_rule(self._layer):
                stack.callback(
                    part.register_forward_pre_hook(_make_identity, with_kwargs=True).remove
                )
            run()
        if not agree(run(), target):
            self._layer.load_state_dict(saved)


def _with_rule(layer: nn.Module) -> Iterator[nn.Module]:
    """The outermost parts (or the layer itself) that have an identity rule."""
    if identity_of(type(layer)) is not None:
        yield layer
    else:
        for part in layer.children():
            yield from _with_rule(part)


def _make_identity(layer: nn.Module, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    rule, inputs = identity_of(type(layer)), _first(arguments, named)
    assert rule is not None
    if inputs is not None:
        rule(layer, inputs)


def _first(arguments: tuple[Any, ...], named: Mapping[str, Any]) -> torch.Tensor | None:
    """A layer's main input: its first argument, if that is a tensor."""
    first = next(iter((*arguments, *named.values())), None)
    return first if isinstance(first, torch.Tensor) else None


def _fill(part: nn.Module, values: Sequence[torch.Tensor]) -> None:
    for tensor, value in zip(part.parameters(recurse=False), values, strict=True):
        tensor.copy_(value)


def agree(output: Any, target: Any) -> bool:
    """Whether an output is the target, apart from further channels, of which the layers behind
    take nothing yet.
    """
    if (
        not isinstance(output, torch.Tensor)
        or not isinstance(target, torch.Tensor)
        or output.ndim != target.ndim
    ):
        return False
    if any(length < wanted for length, wanted in zip(output.shape, target.shape, strict=True)):
        return False
    return same(leading("", output, target.shape), target)


def same(output: Any, target: Any) -> bool:
    """Whether two outputs differ by no more than `TOLERANCE`."""
    return difference(output, target) <= TOLERANCE * min(1.0, _largest(target))


def _largest(output: Any) -> float:
    """The largest absolute value in an output: a tensor, or sequences or dicts of them."""
    if isinstance(output, torch.Tensor):
        return float(output.abs().max()) if output.numel() else 0.0
    return max(
        map(_largest, output.values() if isinstance(output, Mapping) else output), default=0.0
    )


def difference(one: Any, other: Any) -> float:
    """The largest difference between two outputs: tensors, or sequences or dicts of them;
    infinite for other shapes.
    """
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        if one.shape != other.shape:
            return float("inf")
        return (
            float(torch.nan_to_num((one - other).abs(), nan=float("inf")).max())
            if one.numel()
            else 0.0
        )
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        return max((difference(one[name], other[name]) for name in one), default=0.0)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        return max(map(difference, one, other), default=0.0)
    return float("inf")
