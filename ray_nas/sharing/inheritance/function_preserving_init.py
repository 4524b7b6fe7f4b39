"""Initialises a new layer so that the network's function is unchanged.

It sets as few parts as possible to zero, or else gives all parts identity weights. After network
morphism (Wei et al., 2016), https://arxiv.org/abs/1603.01670, and Net2Net (Chen et al., 2016),
https://arxiv.org/abs/1511.05641
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, Literal

import torch
from torch import nn

from ray_nas.sharing.inheritance.identity_rules import identity_rule
from ray_nas.sharing.inheritance.output_difference import are_equal_up_to_new_channels

Target = nn.Module | Literal["input", "zero"]
"""What a new layer should return: the output of an old layer, its own input, or zero."""
_Saved = list[tuple[nn.Module, list[torch.Tensor]]]
"""Parts of a layer, each with copies of its own parameters."""


class FunctionPreservingInit:
    """Initialises a new layer when it gets its first input.

    By then all layers before it are initialised.

    Args:
        layer: The new layer.
        target: What it should return.
        old_outputs: The outputs of layers of the old network.
        stack: Its end removes the hook.
    """

    def __init__(
        self,
        layer: nn.Module,
        target: Target,
        old_outputs: Mapping[nn.Module, torch.Tensor],
        stack: ExitStack,
    ) -> None:
        self._layer = layer
        self._target = target
        self._old_outputs = old_outputs
        self._handle = layer.register_forward_pre_hook(self._initialize, with_kwargs=True)
        stack.callback(self._handle.remove)

    def _initialize(
        self, layer: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> None:
        self._handle.remove()  # once only, and not for the calls below
        run = partial(layer, *arguments, **named)
        output = run()
        target = self._target_output(output, _main_input(arguments, named))
        if target is None or are_equal_up_to_new_channels(output, target):
            return
        if not self._zero_parts(run, target):
            self._make_identity(run, target)

    def _target_output(self, output: Any, inputs: torch.Tensor | None) -> torch.Tensor | None:
        if isinstance(self._target, nn.Module):
            return self._old_outputs.get(self._target)
        if self._target == "input":
            return inputs
        return torch.zeros_like(output) if isinstance(output, torch.Tensor) else None

    def _zero_parts(self, run: Callable[[], Any], target: torch.Tensor) -> bool:
        """Zeroes parts until the output is right; returns whether it is.

        Starts from the last part. Then it restores those that need not be zero.
        """
        parts: _Saved = [
            (part, [tensor.clone() for tensor in part.parameters(recurse=False)])
            for part in self._layer.modules()
        ]
        parts = [(part, saved) for part, saved in parts if saved]
        zeroed: _Saved = []
        for part, saved in reversed(parts):
            _fill(part, [torch.zeros_like(tensor) for tensor in saved])
            zeroed.append((part, saved))
            if are_equal_up_to_new_channels(run(), target):
                break
        else:
            for part, saved in parts:
                _fill(part, saved)
            return False
        # The last one zeroed made the output right, so it stays.
        for part, saved in zeroed[:-1]:
            _fill(part, saved)
            if not are_equal_up_to_new_channels(run(), target):
                _fill(part, [torch.zeros_like(tensor) for tensor in saved])
        return True

    def _make_identity(self, run: Callable[[], Any], target: torch.Tensor) -> None:
        """Gives each part identity weights for its inputs; undoes that if the output is wrong."""
        saved = {name: tensor.clone() for name, tensor in self._layer.state_dict().items()}
        with ExitStack() as stack:
            for part in _parts_with_rule(self._layer):
                handle = part.register_forward_pre_hook(_apply_identity_rule, with_kwargs=True)
                stack.callback(handle.remove)
            run()
        if not are_equal_up_to_new_channels(run(), target):
            self._layer.load_state_dict(saved)


def _parts_with_rule(layer: nn.Module) -> Iterator[nn.Module]:
    """The outermost parts with an identity rule, possibly the layer itself."""
    if identity_rule(type(layer)) is not None:
        yield layer
    else:
        for part in layer.children():
            yield from _parts_with_rule(part)


def _apply_identity_rule(
    layer: nn.Module, arguments: tuple[Any, ...], named: Mapping[str, Any]
) -> None:
    rule = identity_rule(type(layer))
    inputs = _main_input(arguments, named)
    assert rule is not None
    if inputs is not None:
        rule(layer, inputs)


def _main_input(arguments: tuple[Any, ...], named: Mapping[str, Any]) -> torch.Tensor | None:
    """A layer's first argument, if it is a tensor."""
    first = next(iter((*arguments, *named.values())), None)
    return first if isinstance(first, torch.Tensor) else None


def _fill(part: nn.Module, values: Sequence[torch.Tensor]) -> None:
    for tensor, value in zip(part.parameters(recurse=False), values, strict=True):
        tensor.copy_(value)
