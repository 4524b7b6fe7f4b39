"""`Supernet`: every network of a space in shared weights, after Cai et al. (2020, Once-for-All) and
Guo et al. (2020).

https://arxiv.org/abs/1908.09791, https://arxiv.org/abs/1904.00420

There is one tensor for each name in any network's `state_dict`, as large as the largest network
needs. A config runs as its own network (a skeleton on the meta device, without weights) on narrowed
views of these: leading channels, centred kernels, leading blocks. Gradients and running statistics
reach the shared tensors through the views.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Final, Protocol

import torch
from torch import nn
from torch.func import functional_call

from ray_nas.spaces.core.parameters import Value
from ray_nas.spaces.model.choices import Choice
from ray_nas.spaces.model.slicing import Slicing, leading, slicing_of

_MAX_SKELETONS: Final = 256

Probe = dict[str, Value]
Inputs = torch.Tensor | tuple[torch.Tensor, ...]


class NetworkSpace(Protocol):
    """What a supernet needs of a space."""

    @property
    def choices(self) -> Mapping[str, Choice]: ...  # noqa: D102

    def everything(self, values: Mapping[str, Value]) -> nn.Module: ...  # noqa: D102

    def build(self, config: Mapping[str, Any]) -> nn.Module: ...  # noqa: D102

    def own(self, config: Mapping[str, Any]) -> dict[str, Any]: ...  # noqa: D102


class _Layer:
    """A layer's place in the networks: the largest shape of each of its tensors, and what must
    not vary with them.
    """

    def __init__(self, layer: nn.Module) -> None:
        self.kind = type(layer)
        rule = slicing_of(self.kind)
        self.invariant = rule.invariant(layer) if rule else None
        self.shapes: dict[str, torch.Size] = {}

    def check(self, path: str, name: str, layer: nn.Module, tensor: torch.Tensor) -> Slicing:
        """The rule for a tensor that is not of the largest shape here, or an error that names
        the layer.
        """
        kind, full_name = type(layer).__name__, f"{path}.{name}" if path else name
        rule = slicing_of(type(layer))
        if rule is None:
            raise ValueError(
                f"supernet: {full_name} varies in shape, and {kind} has no slicing rule: say how its tensors are cut, "
                f"register_slicing({kind}, Slicing(...)), or give it one size"
            )
        if rule is not slicing_of(self.kind) or tensor.ndim != len(self.shapes[name]):
            raise ValueError(
                f"supernet: {full_name} varies in shape and in kind ({kind} and another): use a LayerChoice for the kind"
            )
        if rule.invariant(layer) != self.invariant:
            raise ValueError(
                f"supernet: {path} ({kind}) varies in size and in {rule.meaning} ({self.invariant} or {rule.invariant(layer)}): "
                f"slices of its weights would mix what does not belong together; keep {rule.meaning} fixed"
            )
        return rule


@dataclass
class _Skeleton:
    """A network without weights, and how each of its tensors is cut out of the shared one."""

    network: nn.Module
    cuts: dict[str, Callable[[torch.Tensor], torch.Tensor] | None]
    tied: set[str]
    """Further names of tensors that have another name already."""


class Supernet(nn.Module):
    """All networks of a space in shared weights; its `state_dict` has every key that any network's
    has.

    Args:
        space: The space. Made by `ModelSpace.supernet()`.
    """

    def __init__(self, space: NetworkSpace) -> None:
        super().__init__()
        self._space = space
        self._layers, probes = _survey(space)
        self._flattened: dict[str, torch.Size] = {}
        self._skeletons: OrderedDict[Hashable, _Skeleton] = OrderedDict()
        for name, tensor, persistent in _largest_tensors(space, self._layers, probes):
            _put(self, name.split("."), tensor, persistent)

    def forward(self, inputs: Inputs, config: Mapping[str, Any]) -> Any:
        """What the network of `config` makes of `inputs`, with the shared weights.

        Args:
            inputs: The input, or a tuple of several.
            config: A config of the space; keys that are not the space's own are ignored.

        Raises:
            ValueError: No config of the space, or a network whose layers cannot share these
                weights.
        """
        skeleton = self._skeleton(config)
        skeleton.network.train(self.training)
        views = {
            name: view for name, view in self._views(skeleton).items() if name not in skeleton.tied
        }
        return functional_call(skeleton.network, views, inputs)

    def weights(self, config: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """A copy of the shared weights that `config` uses, for
        `space.build(config).load_state_dict`.
        """
        skeleton = self._skeleton(config)
        views = self._views(skeleton)
        return {
            name: views[name].detach().clone()
            for name in skeleton.network.state_dict()
            if name in views
        }

    def network(self, config: Mapping[str, Any]) -> nn.Module:
        """The network of `config` on its own, with a copy of the shared weights that it uses; in
        the mode of the supernet.
        """
        skeleton = self._made(self._space.own(config))
        copies: dict[torch.Tensor, torch.Tensor] = {}  # tied tensors stay tied
        shared = dict(
            chain(
                self.named_parameters(remove_duplicate=False),
                self.named_buffers(remove_duplicate=False),
            )
        )
        for name, cut in skeleton.cuts.items():
            if shared[name] not in copies:
                copy = (shared[name] if cut is None else cut(shared[name])).detach().clone()
                is_parameter = isinstance(shared[name], nn.Parameter)
                copies[shared[name]] = (
                    nn.Parameter(copy, shared[name].requires_grad) if is_parameter else copy
                )
            path, _, leaf = name.rpartition(".")
            layer = skeleton.network.get_submodule(path)
            tensors: dict[str, Any] = (
                layer._parameters if leaf in layer._parameters else layer._buffers
            )
            tensors[leaf] = copies[shared[name]]
        return skeleton.network.train(self.training)

    def _views(self, skeleton: _Skeleton) -> dict[str, torch.Tensor]:
        shared = dict(
            chain(
                self.named_parameters(remove_duplicate=False),
                self.named_buffers(remove_duplicate=False),
            )
        )
        return {
            name: shared[name] if cut is None else cut(shared[name])
            for name, cut in skeleton.cuts.items()
        }

    def _skeleton(self, config: Mapping[str, Any]) -> _Skeleton:
        own = self._space.own(config)
        key = tuple(sorted(own.items()))
        if key in self._skeletons:
            self._skeletons.move_to_end(key)
            return self._skeletons[key]
        skeleton = self._skeletons[key] = self._made(own)
        for path, layer in skeleton.network.named_modules():
            if isinstance(layer, nn.Flatten):
                layer.register_forward_pre_hook(partial(self._check_flatten, path))
        if len(self._skeletons) > _MAX_SKELETONS:
            self._skeletons.popitem(last=False)
        return skeleton

    def _made(self, own: Mapping[str, Any]) -> _Skeleton:
        with torch.device("meta"):
            network = self._space.build(own)
        cuts = {
            name: cut
            for path, layer in network.named_modules(remove_duplicate=False)
            for name, cut in self._cuts(path, layer)
        }
        names = dict(chain(network.named_parameters(), network.named_buffers()))
        return _Skeleton(network, cuts, tied=cuts.keys() - names.keys())

    def _cuts(
        self, path: str, layer: nn.Module
    ) -> Iterator[tuple[str, Callable[[torch.Tensor], torch.Tensor] | None]]:
        known = self._layers.get(path)
        for name, tensor, _ in _own_tensors(layer):
            full_name = f"{path}.{name}" if path else name
            full = known.shapes.get(name) if known is not None else None
            if known is None or full is None:
                raise ValueError(
                    f"supernet: {full_name} exists with this config, but was met with no single choice: make it a LayerChoice"
                )
            if tensor.shape == full:
                yield full_name, None
                continue
            rule = known.check(path, name, layer, tensor)
            if any(length > longest for length, longest in zip(tensor.shape, full, strict=True)):
                raise ValueError(
                    f"supernet: {full_name} has shape {tuple(tensor.shape)} with this config, but {tuple(full)} is the largest that the "
                    "choices, changed one at a time, showed; a supernet needs sizes that grow or fall with each value"
                )
            yield full_name, partial(_cut, rule, name, tensor.shape)

    def _check_flatten(
        self, path: str, layer: nn.Flatten, inputs: tuple[torch.Tensor, ...]
    ) -> None:
        """Slices of what follows are right only where the first of the flattened dimensions
        alone varies.
        """
        (tensor,) = inputs
        rest = tensor.shape[layer.start_dim + 1 : layer.end_dim % tensor.ndim + 1]
        if self._flattened.setdefault(path, rest) != rest:
            raise ValueError(
                f"supernet: {path} (Flatten) is given {tuple(rest)} behind its first dimension with this config and "
                f"{tuple(self._flattened[path])} with another: the weights of the layer after it would be mixed up; "
                "pool to one size before it"
            )

    def __getstate__(self) -> dict[str, Any]:
        """Skeletons are made again where they are needed."""
        return {**self.__dict__, "_skeletons": OrderedDict()}


def _cut(rule: Slicing, name: str, shape: torch.Size, full: torch.Tensor) -> torch.Tensor:
    return rule.view(name, full, shape)


def _own_tensors(layer: nn.Module) -> Iterator[tuple[str, torch.Tensor, bool]]:
    """The tensors that belong to a layer itself, without its parts': (name, tensor, whether it
    is in the state_dict).
    """
    for name, parameter in layer.named_parameters(recurse=False, remove_duplicate=False):
        yield name, parameter, True
    for name, buffer in layer.named_buffers(recurse=False, remove_duplicate=False):
        yield name, buffer, name not in layer._non_persistent_buffers_set


def _survey(space: NetworkSpace) -> tuple[dict[str, _Layer], list[Probe]]:
    """The layers of all networks, and the values that show them: first everything at its largest.

    Then one choice after the other takes its smallest number (where a size falls with it, as in
    `width // ratio`) or each of its other names (what exists at another value only); last, all that
    fall together at their smallest.
    """
    layers: dict[str, _Layer] = {}
    probes: list[Probe] = [{}]
    _look(space, {}, layers)
    largest = {path: dict(layer.shapes) for path, layer in layers.items()}
    falling: Probe = {}
    for label, choice in space.choices.items():
        if choice.kind != "ValueChoice":
            continue
        for value in choice.values[: 1 if choice.ordered else len(choice.values)]:
            if value != choice.values[-1]:
                probes.append({label: value})
                if _look(space, {label: value}, layers, largest) and choice.ordered:
                    falling[label] = value
    if len(falling) > 1:
        probes.append(falling)
        _look(space, falling, layers)
    return layers, [falling, *probes]


def _look(
    space: NetworkSpace,
    probe: Probe,
    layers: dict[str, _Layer],
    largest: Mapping[str, Mapping[str, torch.Size]] | None = None,
) -> bool:
    """Adds the shapes that a probe shows; returns whether any is larger than in `largest`."""
    with torch.device("meta"):
        network = space.everything(probe)
    grew = False
    for path, layer in network.named_modules(remove_duplicate=False):
        for name, tensor, _ in _own_tensors(layer):
            known = layers.setdefault(path, _Layer(layer))
            shape = known.shapes.setdefault(name, tensor.shape)
            if shape != tensor.shape:
                known.check(path, name, layer, tensor)
                known.shapes[name] = torch.Size(map(max, shape, tensor.shape))
            before = (largest or {}).get(path, {}).get(name, tensor.shape)
            grew = grew or any(now > then for now, then in zip(tensor.shape, before, strict=True))
    return grew


def _largest_tensors(
    space: NetworkSpace, layers: Mapping[str, _Layer], probes: Sequence[Probe]
) -> Iterator[tuple[str, torch.Tensor, bool]]:
    """Each name's tensor at its largest, initialised by the layers themselves."""
    missing = {
        f"{path}.{name}" if path else name: shape
        for path, layer in layers.items()
        for name, shape in layer.shapes.items()
    }
    for probe in probes:
        if not missing:
            return
        made: dict[torch.Tensor, torch.Tensor] = {}  # tied tensors stay tied
        for path, layer in space.everything(probe).named_modules(remove_duplicate=False):
            for name, tensor, persistent in _own_tensors(layer):
                full_name = f"{path}.{name}" if path else name
                if full_name in missing:
                    shape = missing.pop(full_name)
                    if tensor not in made:
                        made[tensor] = _enlarged(tensor, shape)
                    yield full_name, made[tensor], persistent


def _enlarged(tensor: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """The tensor, or a larger one whose other entries are drawn from it, so that their
    distribution is the layer's own.
    """
    if tensor.shape == shape:
        return tensor
    with torch.no_grad():
        larger = tensor.flatten()[torch.randint(tensor.numel(), shape)]
        leading("", larger, tensor.shape).copy_(tensor)
    return (
        nn.Parameter(larger, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else larger
    )


def _put(root: nn.Module, path: list[str], tensor: torch.Tensor, persistent: bool) -> None:
    """Registers a tensor under its dotted name, with bare modules on the way."""
    for part in path[:-1]:
        root = root._modules.setdefault(part, nn.Module())  # type: ignore[assignment]  # torch allows None, there is none here
    if isinstance(tensor, nn.Parameter):
        root._parameters[path[-1]] = tensor
    else:
        root.register_buffer(path[-1], tensor, persistent)
