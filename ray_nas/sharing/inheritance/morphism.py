"""Network morphism (Wei et al., 2016) by slices: a changed network starts from the weights of the
one that it was made from.

https://arxiv.org/abs/1603.01670; new layers after Net2Net (Chen et al., 2016),
https://arxiv.org/abs/1511.05641

Layers are matched by their names. Where a tensor has grown, the old one is its leading channels and
the middle of its kernel, as in a supernet. What the old outputs would take from new inputs is zero,
new outputs are initialised afresh: the old outputs stay what they were, whatever comes between the
layers (widen, kernel-grow). A layer that was not there before is settled while the network runs on
a batch: with as few of its parts set to zero as make it harmless (in a residual block or beside
other branches), else with identity weights (deepen). Whether all that preserved the function is
then measured.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

import torch
from torch import nn

from ray_nas.sharing.inheritance.function_preserving_init import Settling, Target, difference, same
from ray_nas.spaces import LayerChoice, ModelSpace
from ray_nas.spaces.model.slicing import slicing_of

_PROBE: Final = 16
"""Inputs in the batch that is drawn where none is given."""
_OUTPUTS: Final[dict[type[nn.Module], int | None]] = {
    nn.ConvTranspose1d: 1,
    nn.ConvTranspose2d: 1,
    nn.ConvTranspose3d: 1,
    nn.Embedding: None,
    nn.EmbeddingBag: None,
}
"""Where a weight's outputs are not dimension 0; a table's rows take nothing from each other."""

Kind = Literal["preserved", "partial", "fresh"]
Inputs = torch.Tensor | tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Inheritance:
    """What a network has of its parent's."""

    kind: Kind
    """`preserved`: the same outputs up to 1e-5; `partial`: some weights; `fresh`: none."""
    share: float = 0.0
    """The part of the network's weights that are the parent's, in [0, 1]."""
    difference: float | None = None
    """The largest difference between the two networks' outputs on the batch, in evaluation mode;
    None if fresh.
    """


def morph(
    space: ModelSpace,
    config: Mapping[str, Any],
    *,
    parent: Mapping[str, Any],
    weights: Mapping[str, torch.Tensor],
    batch: Inputs | None = None,
) -> tuple[nn.Module, Inheritance]:
    """The network of `config`, as much as possible with the weights and the function of its parent.

    Args:
        space: The space of both.
        config: The network to make; keys that are not the space's own are ignored.
        parent: The config of the network that it was made from.
        weights: That network's `state_dict`.
        batch: Inputs (a tensor, or a tuple of several) on which new layers are settled and outputs
            compared. Best a batch of training data: the statistics of new batch norms come from it.
            None draws normal ones, where the space knows the shape of its inputs.

    Raises:
        ValueError: No config of the space, or no batch where the space does not know its inputs.
        RuntimeError: Weights that are not the parent's.
    """
    inputs = _probe(space) if batch is None else batch
    old, new = space.build(parent), space.build(config)
    old.load_state_dict(weights)
    return new, transform(old, new, inputs)


@torch.no_grad()
def transform(old: nn.Module, new: nn.Module, batch: Inputs) -> Inheritance:
    """Gives `new` the weights of `old`, layer by layer, and tells what that preserved.

    Both may be any networks whose layers of the same name mean the same. `new` is left in training
    mode, as when it was made, `old` in evaluation mode.
    """
    pairs = _Pairs()
    pairs.match(old, new)
    taken: dict[torch.Tensor, int] = {}
    for pair in pairs.matched:
        taken.update(_take(*pair))
    if not taken:
        return Inheritance("fresh")
    total = sum(tensor.numel() for tensor in new.parameters())
    arguments = batch if isinstance(batch, tuple) else (batch,)
    old.eval(), new.eval()
    before: dict[nn.Module, torch.Tensor] = {}
    with ExitStack() as stack:
        for replaced in {target for _, target in pairs.unmatched if isinstance(target, nn.Module)}:
            stack.callback(replaced.register_forward_hook(partial(_remember, before)).remove)
        expected = old(*arguments)
    with ExitStack() as stack:
        for layer, target in pairs.unmatched:
            Settling(layer, target, before, stack)
        new(*arguments)
    outputs = new(*arguments)
    new.train()
    kind: Kind = "preserved" if same(outputs, expected) else "partial"
    return Inheritance(kind, sum(taken.values()) / total, difference(outputs, expected))


@dataclass
class _Pairs:
    """The layers that a new network shares with an old one, and those that it does not."""

    matched: list[tuple[nn.Module, nn.Module]] = field(default_factory=list)
    unmatched: list[tuple[nn.Module, Target]] = field(default_factory=list)

    def match(self, old: nn.Module, new: nn.Module) -> None:
        """Looks at two layers of one place, and at their parts."""
        self.matched.append((old, new))
        for name, part in new.named_children():
            counterpart = old._modules.get(name)
            if (
                counterpart is None
                and isinstance(old, LayerChoice)
                and isinstance(new, LayerChoice)
            ):
                counterpart = old._modules[old.chosen]
                assert counterpart is not None
                if not _alike(counterpart, part):
                    self.unmatched.append((part, counterpart))
                    continue
            if counterpart is None:
                self.unmatched.append((part, "input" if isinstance(new, nn.Sequential) else "zero"))
            elif type(counterpart) is type(part):
                self.match(counterpart, part)
            else:
                self.unmatched.append((part, counterpart))


def _alike(one: nn.Module, other: nn.Module) -> bool:
    """Whether two alternatives are made of the same kinds of layers, and so can only differ in
    sizes.
    """
    return [(name, type(part)) for name, part in one.named_modules()] == [
        (name, type(part)) for name, part in other.named_modules()
    ]


def _take(old: nn.Module, new: nn.Module) -> dict[torch.Tensor, int]:
    """Copies a layer's own tensors, as far as they fit; how many entries of each parameter."""
    rule = slicing_of(type(new))
    taken: dict[torch.Tensor, int] = {}
    for name, tensor in _own_tensors(new):
        source = dict(_own_tensors(old)).get(name)
        if source is None or source.ndim != tensor.ndim:
            continue
        if source.shape == tensor.shape:
            tensor.copy_(source)
            copied = tensor.numel()
        elif rule is None or rule.invariant(old) != rule.invariant(new):
            continue
        else:
            common = torch.Size(map(min, source.shape, tensor.shape))
            places, values = torch.arange(tensor.numel()).view(tensor.shape), tensor.flatten()
            outputs = next((_OUTPUTS[kind] for kind in type(new).__mro__ if kind in _OUTPUTS), 0)
            if (
                tensor.ndim > 1 and outputs is not None
            ):  # the old outputs take nothing from new inputs
                rows = [
                    length if dim != outputs else common[dim]
                    for dim, length in enumerate(tensor.shape)
                ]
                values[rule.view(name, places, torch.Size(rows)).flatten()] = 0
            values[rule.view(name, places, common).flatten()] = rule.view(
                name, source, common
            ).flatten()
            tensor.copy_(values.view(tensor.shape))
            copied = common.numel()
        if isinstance(tensor, nn.Parameter):
            taken[tensor] = copied
    return taken


def _own_tensors(layer: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from layer.named_parameters(recurse=False)
    yield from (
        (name, buffer)
        for name, buffer in layer.named_buffers(recurse=False)
        if name not in layer._non_persistent_buffers_set
    )


def _remember(
    outputs: dict[nn.Module, torch.Tensor], layer: nn.Module, arguments: Any, output: Any
) -> None:
    outputs[layer] = output


def _probe(space: ModelSpace) -> torch.Tensor:
    if space.input_shape is None or not space.input_dtype.is_floating_point:
        raise ValueError(
            "batch must be given: the space does not know the shape of its inputs (ModelSpace(..., input_shape=...)), or they are no floats"
        )
    return torch.randn(
        _PROBE,
        *space.input_shape,
        generator=torch.Generator().manual_seed(0),
        dtype=space.input_dtype,
    )
