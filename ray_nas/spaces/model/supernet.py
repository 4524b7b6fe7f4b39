"""`Supernet`: all networks of a space in shared weights.

After Cai et al. (2020, Once-for-All), https://arxiv.org/abs/1908.09791, and Guo et al. (2020),
https://arxiv.org/abs/1904.00420

The supernet holds one tensor for each name in any network's `state_dict`, as large as the largest
network needs. A config runs as its own network (a skeleton on the meta device, without weights) on
narrowed views of these tensors: leading channels, centred kernels, leading blocks. Gradients and
running statistics reach the shared tensors through the views.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Final

import torch
from torch import nn
from torch.func import functional_call

from ray_nas.spaces.model.choice_context import NetworkSpace
from ray_nas.spaces.model.slicing import Slicing
from ray_nas.spaces.model.supernet_shapes import (
    direct_tensors,
    find_shapes,
    join,
    largest_tensors,
)

_MAX_SKELETONS: Final = 256

Inputs = torch.Tensor | tuple[torch.Tensor, ...]
Cut = Callable[[torch.Tensor], torch.Tensor]
"""Takes a network's tensor out of the shared one."""


@dataclass
class _Skeleton:
    """A network without weights, and how its tensors come out of the shared ones."""

    network: nn.Module
    cuts: dict[str, Cut | None]
    """The cut of each tensor; None where the network uses all of it."""
    tied: set[str]
    """Second names of tensors that have another name already."""


class Supernet(nn.Module):
    """All networks of a space in shared weights.

    Its `state_dict` has every key of every network's `state_dict`.

    Args:
        space: The space. `ModelSpace.supernet()` makes its supernet.

    Example:
        >>> import torch
        >>> from ray_nas.spaces import MLPSpace
        >>> space = MLPSpace(inputs=4, outputs=3, max_layers=1)
        >>> supernet = space.supernet()
        >>> config = space.sample(random_state=0)
        >>> supernet(torch.ones(2, 4), config).shape
        torch.Size([2, 3])
        >>> space.build(config).load_state_dict(supernet.weights(config))
        <All keys matched successfully>
    """

    def __init__(self, space: NetworkSpace) -> None:
        super().__init__()
        self._space = space
        self._layers, probes = find_shapes(space)
        self._flattened: dict[str, torch.Size] = {}
        self._skeletons: OrderedDict[Hashable, _Skeleton] = OrderedDict()
        for name, tensor, persistent in largest_tensors(space, self._layers, probes):
            _register(self, name.split("."), tensor, persistent)

    def forward(self, inputs: Inputs, config: Mapping[str, Any]) -> Any:
        """Runs the network of `config` with the shared weights.

        Args:
            inputs: The input, or a tuple of several.
            config: A config of the space; other keys are ignored.

        Raises:
            ValueError: `config` is not in the space, or its layers cannot share these weights.
        """
        skeleton = self._skeleton(config)
        skeleton.network.train(self.training)
        views = {
            name: view for name, view in self._views(skeleton).items() if name not in skeleton.tied
        }
        return functional_call(skeleton.network, views, inputs)

    def weights(self, config: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """A copy of the weights of `config`, for `space.build(config).load_state_dict`."""
        skeleton = self._skeleton(config)
        views = self._views(skeleton)
        return {
            name: views[name].detach().clone()
            for name in skeleton.network.state_dict()
            if name in views
        }

    def network(self, config: Mapping[str, Any]) -> nn.Module:
        """The network of `config` alone, with a copy of its weights, in the supernet's mode."""
        skeleton = self._make_skeleton(self._space.own_parameters(config))
        shared = self._shared_tensors()
        copies: dict[torch.Tensor, torch.Tensor] = {}  # tied tensors stay tied
        for name, cut in skeleton.cuts.items():
            tensor = shared[name]
            if tensor not in copies:
                copies[tensor] = _copy(tensor, cut)
            path, _, leaf = name.rpartition(".")
            layer = skeleton.network.get_submodule(path)
            tensors: dict[str, Any] = (
                layer._parameters if leaf in layer._parameters else layer._buffers
            )
            tensors[leaf] = copies[tensor]
        return skeleton.network.train(self.training)

    def _shared_tensors(self) -> dict[str, torch.Tensor]:
        """The shared tensors by name; tied ones under each of their names."""
        return dict(
            chain(
                self.named_parameters(remove_duplicate=False),
                self.named_buffers(remove_duplicate=False),
            )
        )

    def _views(self, skeleton: _Skeleton) -> dict[str, torch.Tensor]:
        shared = self._shared_tensors()
        return {
            name: shared[name] if cut is None else cut(shared[name])
            for name, cut in skeleton.cuts.items()
        }

    def _skeleton(self, config: Mapping[str, Any]) -> _Skeleton:
        """The skeleton of a config, kept for its next use."""
        own = self._space.own_parameters(config)
        key = tuple(sorted(own.items()))
        if key in self._skeletons:
            self._skeletons.move_to_end(key)
            return self._skeletons[key]
        skeleton = self._skeletons[key] = self._make_skeleton(own)
        for path, layer in skeleton.network.named_modules():
            if isinstance(layer, nn.Flatten):
                layer.register_forward_pre_hook(partial(self._check_flatten, path))
        if len(self._skeletons) > _MAX_SKELETONS:
            self._skeletons.popitem(last=False)
        return skeleton

    def _make_skeleton(self, own: Mapping[str, Any]) -> _Skeleton:
        with torch.device("meta"):
            network = self._space.build(own)
        cuts = {
            name: cut
            for path, layer in network.named_modules(remove_duplicate=False)
            for name, cut in self._cuts(path, layer)
        }
        names = dict(chain(network.named_parameters(), network.named_buffers()))
        return _Skeleton(network, cuts, tied=cuts.keys() - names.keys())

    def _cuts(self, path: str, layer: nn.Module) -> Iterator[tuple[str, Cut | None]]:
        """How each tensor of one layer comes out of the shared one."""
        found = self._layers.get(path)
        for name, tensor, _ in direct_tensors(layer):
            full_name = join(path, name)
            largest = found.shapes.get(name) if found is not None else None
            if found is None or largest is None:
                raise ValueError(
                    f"supernet: {full_name} exists with this config, but with no single value of "
                    "any choice: make it a LayerChoice"
                )
            if tensor.shape == largest:
                yield full_name, None
                continue
            rule = found.slicing(path, name, layer, tensor)
            if any(length > most for length, most in zip(tensor.shape, largest, strict=True)):
                raise ValueError(
                    f"supernet: {full_name} has shape {tuple(tensor.shape)} with this config, but "
                    f"{tuple(largest)} is the largest found when one choice changes at a time; a "
                    "supernet needs sizes that grow or fall with each value"
                )
            yield full_name, partial(_cut, rule, name, tensor.shape)

    def _check_flatten(
        self, path: str, layer: nn.Flatten, inputs: tuple[torch.Tensor, ...]
    ) -> None:
        """Refuses a `Flatten` whose inputs vary in more than the first flattened dimension.

        Only then are slices of the layer after it right.
        """
        (tensor,) = inputs
        rest = tensor.shape[layer.start_dim + 1 : layer.end_dim % tensor.ndim + 1]
        before = self._flattened.setdefault(path, rest)
        if before != rest:
            raise ValueError(
                f"supernet: {path} (Flatten) is given {tuple(rest)} behind its first dimension "
                f"with this config and {tuple(before)} with another: the weights of the layer "
                "after it would be mixed up; pool to one size before it"
            )

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the skeletons out, which are made again when needed."""
        return {**self.__dict__, "_skeletons": OrderedDict()}


def _cut(rule: Slicing, name: str, shape: torch.Size, full: torch.Tensor) -> torch.Tensor:
    return rule.view(name, full, shape)


def _copy(tensor: torch.Tensor, cut: Cut | None) -> torch.Tensor:
    copy = (tensor if cut is None else cut(tensor)).detach().clone()
    return nn.Parameter(copy, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else copy


def _register(root: nn.Module, path: list[str], tensor: torch.Tensor, persistent: bool) -> None:
    """Registers a tensor under its dotted name, with empty modules on the way."""
    for part in path[:-1]:
        root = root._modules.setdefault(part, nn.Module())  # type: ignore[assignment]  # never None
    if isinstance(tensor, nn.Parameter):
        root._parameters[path[-1]] = tensor
    else:
        root.register_buffer(path[-1], tensor, persistent)
