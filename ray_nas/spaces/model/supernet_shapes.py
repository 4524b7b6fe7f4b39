"""Finds the largest shape of each tensor in any network of a space, and makes these tensors."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import nn

from ray_nas.spaces.core.parameters import Value
from ray_nas.spaces.model.choice_context import NetworkSpace
from ray_nas.spaces.model.slicing import Slicing, leading, slicing_of

Probe = dict[str, Value]
"""Values of some `ValueChoice`s, tried to see which shapes they give."""


class LayerShapes:
    """The largest shape of each tensor of one layer, and what must not vary with the shapes."""

    def __init__(self, layer: nn.Module) -> None:
        self.kind = type(layer)
        rule = slicing_of(self.kind)
        self.invariant = rule.invariant(layer) if rule else None
        self.shapes: dict[str, torch.Size] = {}

    def slicing(self, path: str, name: str, layer: nn.Module, tensor: torch.Tensor) -> Slicing:
        """The rule that cuts a smaller tensor out of the largest.

        Args:
            path: The layer's name in the network.
            name: The tensor's name in the layer.
            layer: The layer with the smaller tensor.
            tensor: The smaller tensor.

        Raises:
            ValueError: No rule fits; the message names the layer.
        """
        kind = type(layer).__name__
        full_name = join(path, name)
        rule = slicing_of(type(layer))
        if rule is None:
            raise ValueError(
                f"supernet: {full_name} varies in shape, and {kind} has no slicing rule: say how "
                f"its tensors are cut, register_slicing({kind}, Slicing(...)), or give it one size"
            )
        if rule is not slicing_of(self.kind) or tensor.ndim != len(self.shapes[name]):
            raise ValueError(
                f"supernet: {full_name} varies in shape and in kind ({kind} and another): "
                "use a LayerChoice for the kind"
            )
        invariant = rule.invariant(layer)
        if invariant != self.invariant:
            raise ValueError(
                f"supernet: {path} ({kind}) varies in size and in {rule.meaning} "
                f"({self.invariant} or {invariant}): slices of its weights would mix what does "
                f"not belong together; keep {rule.meaning} fixed"
            )
        return rule


def join(path: str, name: str) -> str:
    """The name of a layer's tensor in the network."""
    return f"{path}.{name}" if path else name


def direct_tensors(layer: nn.Module) -> Iterator[tuple[str, torch.Tensor, bool]]:
    """The tensors of a layer without those of its children.

    Yields:
        The name, the tensor, and whether it is in the state_dict.
    """
    for name, parameter in layer.named_parameters(recurse=False, remove_duplicate=False):
        yield name, parameter, True
    for name, buffer in layer.named_buffers(recurse=False, remove_duplicate=False):
        yield name, buffer, name not in layer._non_persistent_buffers_set


def find_shapes(space: NetworkSpace) -> tuple[dict[str, LayerShapes], list[Probe]]:
    """The layers of all networks by name, and the probes that show them.

    The first probe makes everything at its largest. Then one choice after another takes its
    smallest number (a size may fall with it, as in `width // ratio`), or each of its other names
    (some layers exist only there). The last probe takes the smallest value of all choices at which
    a size grew.
    """
    layers: dict[str, LayerShapes] = {}
    probes: list[Probe] = [{}]
    _add_shapes(space, {}, layers)
    largest = {path: dict(layer.shapes) for path, layer in layers.items()}
    falling: Probe = {}
    for label, choice in space.choices.items():
        if choice.kind != "ValueChoice":
            continue
        for value in choice.values[: 1 if choice.ordered else len(choice.values)]:
            if value != choice.values[-1]:
                probes.append({label: value})
                if _add_shapes(space, {label: value}, layers, largest) and choice.ordered:
                    falling[label] = value
    if len(falling) > 1:
        probes.append(falling)
        _add_shapes(space, falling, layers)
    return layers, [falling, *probes]


def _add_shapes(
    space: NetworkSpace,
    probe: Probe,
    layers: dict[str, LayerShapes],
    largest: Mapping[str, Mapping[str, torch.Size]] | None = None,
) -> bool:
    """Adds the shapes of a probe; returns whether any is larger than in `largest`."""
    with torch.device("meta"):
        network = space.build_all(probe)
    grew = False
    for path, layer in network.named_modules(remove_duplicate=False):
        for name, tensor, _ in direct_tensors(layer):
            found = layers.setdefault(path, LayerShapes(layer))
            shape = found.shapes.setdefault(name, tensor.shape)
            if shape != tensor.shape:
                found.slicing(path, name, layer, tensor)
                found.shapes[name] = torch.Size(map(max, shape, tensor.shape))
            before = (largest or {}).get(path, {}).get(name, tensor.shape)
            grew = grew or any(now > then for now, then in zip(tensor.shape, before, strict=True))
    return grew


def largest_tensors(
    space: NetworkSpace, layers: Mapping[str, LayerShapes], probes: Sequence[Probe]
) -> Iterator[tuple[str, torch.Tensor, bool]]:
    """Each tensor at its largest shape, initialised by the layers themselves.

    Yields:
        The name, the tensor, and whether it is in the state_dict.
    """
    missing = {
        join(path, name): shape
        for path, layer in layers.items()
        for name, shape in layer.shapes.items()
    }
    for probe in probes:
        if not missing:
            return
        made: dict[torch.Tensor, torch.Tensor] = {}  # tied tensors stay tied
        for path, layer in space.build_all(probe).named_modules(remove_duplicate=False):
            for name, tensor, persistent in direct_tensors(layer):
                full_name = join(path, name)
                if full_name in missing:
                    shape = missing.pop(full_name)
                    if tensor not in made:
                        made[tensor] = _enlarged(tensor, shape)
                    yield full_name, made[tensor], persistent


def _enlarged(tensor: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """The tensor at a larger shape.

    New entries are drawn from the old ones, so that their distribution is the layer's.
    """
    if tensor.shape == shape:
        return tensor
    with torch.no_grad():
        larger = tensor.flatten()[torch.randint(tensor.numel(), shape)]
        leading("", larger, tensor.shape).copy_(tensor)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(larger, tensor.requires_grad)
    return larger
