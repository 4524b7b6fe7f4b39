"""Network morphism (Wei et al., 2016) by slices: a changed network starts from the weights of the one that it was made from.

https://arxiv.org/abs/1603.01670; new layers after Net2Net (Chen et al., 2016), https://arxiv.org/abs/1511.05641

Layers are matched by their names. Where a tensor has grown, the old one is its leading channels and the middle of its
kernel, as in a supernet. What the old outputs would take from new inputs is zero, new outputs are initialised afresh: the
old outputs stay what they were, whatever comes between the layers (widen, kernel-grow). A layer that was not there before
is settled while the network runs on a batch: with as few of its parts set to zero as make it harmless (in a residual block
or beside other branches), else with identity weights (deepen). Whether all that preserved the function is then measured.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

import torch
from torch import nn

from ray_nas.sharing.identities import identity_of
from ray_nas.spaces import LayerChoice, ModelSpace
from ray_nas.spaces.slicing import leading, slicing_of

TOLERANCE: Final = 1e-5
"""The largest difference of outputs at which they count as the same; of outputs below 1, this part of the largest."""
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
Target = nn.Module | Literal["input", "zero"]
"""What a new layer's output should be: that of one of the old network's layers, its own input, or zero."""


@dataclass(frozen=True)
class Inheritance:
    """What a network has of its parent's."""

    kind: Kind
    """`preserved`: the same outputs up to `TOLERANCE`; `partial`: some weights; `fresh`: none."""
    share: float = 0.0
    """The part of the network's weights that are the parent's, in [0, 1]."""
    difference: float | None = None
    """The largest difference between the two networks' outputs on the batch, in evaluation mode; None if fresh."""


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
        batch: Inputs (a tensor, or a tuple of several) on which new layers are settled and outputs compared. Best a batch
            of training data: the statistics of new batch norms come from it. None draws normal ones, where the space
            knows the shape of its inputs.

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

    Both may be any networks whose layers of the same name mean the same. `new` is left in training mode, as when it was
    made, `old` in evaluation mode.
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
            _Settling(layer, target, before, stack)
        new(*arguments)
    outputs = new(*arguments)
    new.train()
    kind: Kind = "preserved" if _same(outputs, expected) else "partial"
    return Inheritance(kind, sum(taken.values()) / total, _difference(outputs, expected))


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
            if counterpart is None and isinstance(old, LayerChoice) and isinstance(new, LayerChoice):
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
    """Whether two alternatives are made of the same kinds of layers, and so can only differ in sizes."""
    return [(name, type(part)) for name, part in one.named_modules()] == [(name, type(part)) for name, part in other.named_modules()]


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
            if tensor.ndim > 1 and outputs is not None:  # the old outputs take nothing from new inputs
                rows = [length if dim != outputs else common[dim] for dim, length in enumerate(tensor.shape)]
                values[rule.view(name, places, torch.Size(rows)).flatten()] = 0
            values[rule.view(name, places, common).flatten()] = rule.view(name, source, common).flatten()
            tensor.copy_(values.view(tensor.shape))
            copied = common.numel()
        if isinstance(tensor, nn.Parameter):
            taken[tensor] = copied
    return taken


def _own_tensors(layer: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from layer.named_parameters(recurse=False)
    yield from ((name, buffer) for name, buffer in layer.named_buffers(recurse=False) if name not in layer._non_persistent_buffers_set)


class _Settling:
    """Waits for the first input of a new layer, when all before it is settled, and makes the layer fit in."""

    def __init__(self, layer: nn.Module, target: Target, before: Mapping[nn.Module, torch.Tensor], stack: ExitStack) -> None:
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
            target = inputs if self._target == "input" else torch.zeros_like(output) if isinstance(output, torch.Tensor) else None
        if target is not None and not _agree(output, target) and not self._silence(run, target):
            self._pass_on(run, target)

    def _silence(self, run: Any, target: torch.Tensor) -> bool:
        """Sets parts to zero, the last first, until the output is right; then gives back those that need not be."""
        parts = [(part, [tensor.clone() for tensor in part.parameters(recurse=False)]) for part in self._layer.modules()]
        parts = [(part, saved) for part, saved in parts if saved]
        silenced = []
        for part, saved in reversed(parts):
            _fill(part, [torch.zeros_like(tensor) for tensor in saved])
            silenced.append((part, saved))
            if _agree(run(), target):
                break
        else:
            for part, saved in parts:
                _fill(part, saved)
            return False
        for part, saved in silenced[:-1]:
            _fill(part, saved)
            if not _agree(run(), target):
                _fill(part, [torch.zeros_like(tensor) for tensor in saved])
        return True

    def _pass_on(self, run: Any, target: torch.Tensor) -> None:
        """Gives every part identity weights, each with the inputs that it gets; takes them back where that is not right."""
        saved = {name: tensor.clone() for name, tensor in self._layer.state_dict().items()}
        with ExitStack() as stack:
            for part in _with_rule(self._layer):
                stack.callback(part.register_forward_pre_hook(_make_identity, with_kwargs=True).remove)
            run()
        if not _agree(run(), target):
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


def _remember(outputs: dict[nn.Module, torch.Tensor], layer: nn.Module, arguments: Any, output: Any) -> None:
    outputs[layer] = output


def _fill(part: nn.Module, values: Sequence[torch.Tensor]) -> None:
    for tensor, value in zip(part.parameters(recurse=False), values, strict=True):
        tensor.copy_(value)


def _agree(output: Any, target: Any) -> bool:
    """Whether an output is the target, apart from further channels, of which the layers behind take nothing yet."""
    if not isinstance(output, torch.Tensor) or not isinstance(target, torch.Tensor) or output.ndim != target.ndim:
        return False
    if any(length < wanted for length, wanted in zip(output.shape, target.shape, strict=True)):
        return False
    return _same(leading("", output, target.shape), target)


def _same(output: Any, target: Any) -> bool:
    return _difference(output, target) <= TOLERANCE * min(1.0, _largest(target))


def _largest(output: Any) -> float:
    """The largest absolute value in an output: a tensor, or sequences or dicts of them."""
    if isinstance(output, torch.Tensor):
        return float(output.abs().max()) if output.numel() else 0.0
    return max(map(_largest, output.values() if isinstance(output, Mapping) else output), default=0.0)


def _difference(one: Any, other: Any) -> float:
    """The largest difference between two outputs: tensors, or sequences or dicts of them; infinite for other shapes."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        if one.shape != other.shape:
            return float("inf")
        return float(torch.nan_to_num((one - other).abs(), nan=float("inf")).max()) if one.numel() else 0.0
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        return max((_difference(one[name], other[name]) for name in one), default=0.0)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        return max(map(_difference, one, other), default=0.0)
    return float("inf")


def _probe(space: ModelSpace) -> torch.Tensor:
    if space.input_shape is None or not space.input_dtype.is_floating_point:
        raise ValueError(
            "batch must be given: the space does not know the shape of its inputs (ModelSpace(..., input_shape=...)), or they are no floats"
        )
    return torch.randn(_PROBE, *space.input_shape, generator=torch.Generator().manual_seed(0), dtype=space.input_dtype)
