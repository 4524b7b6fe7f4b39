"""Network morphism: a changed network starts from the weights of its parent.

Wei et al., 2016, https://arxiv.org/abs/1603.01670; new layers as in Net2Net (Chen et al., 2016),
https://arxiv.org/abs/1511.05641.

Layers are matched by name. In a tensor that has grown, the old one is the leading channels and the
centre of the kernel, as in a supernet. Old outputs get zero weights for new inputs, and new outputs
keep their random weights: the old outputs do not change, whatever lies between the layers (widen,
grow a kernel). A layer without a match is initialised while the network runs on a batch: as few of
its parts as possible are set to zero (in a residual block, or beside other branches), or all get
identity weights (deepen). Afterwards the outputs are compared, to measure whether the function was
preserved.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

import torch
from torch import nn

from ray_nas.sharing.inheritance.function_preserving_init import FunctionPreservingInit, Target
from ray_nas.sharing.inheritance.output_difference import are_equal, largest_difference
from ray_nas.spaces import LayerChoice, ModelSpace
from ray_nas.spaces.model.slicing import Slicing, slicing_of

_PROBE: Final = 16
"""Random inputs to compare outputs on, if no batch is given."""
_OUTPUT_DIMS: Final[dict[type[nn.Module], int | None]] = {
    nn.ConvTranspose1d: 1,
    nn.ConvTranspose2d: 1,
    nn.ConvTranspose3d: 1,
    nn.Embedding: None,
    nn.EmbeddingBag: None,
}
"""The dimension of a weight's outputs if it is not 0; None for tables, whose rows do not mix."""

Kind = Literal["preserved", "partial", "fresh"]
Inputs = torch.Tensor | tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Inheritance:
    """What a network inherited from its parent.

    Example:
        >>> Inheritance("fresh")
        Inheritance(kind='fresh', share=0.0, difference=None)
    """

    kind: Kind
    """`preserved`: equal outputs, up to 1e-5; `partial`: some weights; `fresh`: nothing."""
    share: float = 0.0
    """The share of the network's weights that are the parent's, in [0, 1]."""
    difference: float | None = None
    """The largest difference of the outputs on the batch, in evaluation mode; None if fresh."""


def morph(
    space: ModelSpace,
    config: Mapping[str, Any],
    *,
    parent: Mapping[str, Any],
    weights: Mapping[str, torch.Tensor],
    batch: Inputs | None = None,
) -> tuple[nn.Module, Inheritance]:
    """Builds the network of a config, with its parent's weights and function if possible.

    Args:
        space: The space of both configs.
        config: The network to build; keys that are not parameters of the space are ignored.
        parent: The parent's config.
        weights: The parent's `state_dict`.
        batch: Inputs, a tensor or a tuple of several, on which new layers are initialised and
            outputs compared. Use training data: statistics of new batch norms come from it. None
            draws normal inputs, if the space knows their shape.

    Returns:
        The network in training mode, and what it inherited.

    Raises:
        ValueError: A config is not in the space, or the batch is missing and the space does not
            know its inputs.
        RuntimeError: The weights are not those of the parent.

    Example:
        >>> from ray_nas.spaces import MLPSpace
        >>> space = MLPSpace(4, 1, max_layers=2, widths=(8, 16))
        >>> parent = {**space.sample(random_state=0), "depth": 1}
        >>> parent = space.own_parameters(space.complete(parent))
        >>> weights = space.build(parent).state_dict()
        >>> network, inheritance = morph(
        ...     space, parent, parent=parent, weights=weights, batch=torch.rand(8, 4)
        ... )
        >>> inheritance
        Inheritance(kind='preserved', share=1.0, difference=0.0)
    """
    inputs = _random_inputs(space) if batch is None else batch
    old = space.build(parent)
    new = space.build(config)
    old.load_state_dict(weights)
    return new, copy_weights(old, new, inputs)


@torch.no_grad()
def copy_weights(old: nn.Module, new: nn.Module, batch: Inputs) -> Inheritance:
    """Copies the weights of one network into another, layer by layer.

    Layers of the same name must have the same role. Leaves `old` in evaluation mode, and `new` in
    training mode unless it inherits nothing.

    Args:
        old: The network to copy from.
        new: The network to change.
        batch: Inputs for both, a tensor or a tuple of several.

    Returns:
        What `new` inherited.

    Example:
        >>> old = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> wide = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 1))
        >>> copy_weights(old, wide, torch.rand(8, 2)).kind
        'preserved'
    """
    pairs = _LayerPairs()
    pairs.match(old, new)
    # Copy what fits
    copied: dict[torch.Tensor, int] = {}
    for pair in pairs.matched:
        copied.update(copy_layer(*pair))
    if not copied:
        return Inheritance("fresh")
    # Run the old network, and keep the outputs of layers that were replaced
    total = sum(tensor.numel() for tensor in new.parameters())
    arguments = batch if isinstance(batch, tuple) else (batch,)
    old.eval()
    new.eval()
    old_outputs: dict[nn.Module, torch.Tensor] = {}
    with ExitStack() as stack:
        for replaced in {target for _, target in pairs.unmatched if isinstance(target, nn.Module)}:
            handle = replaced.register_forward_hook(partial(_save_output, old_outputs))
            stack.callback(handle.remove)
        expected = old(*arguments)
    # Initialise new layers
    with ExitStack() as stack:
        for layer, target in pairs.unmatched:
            FunctionPreservingInit(layer, target, old_outputs, stack)
        new(*arguments)
    # Compare
    outputs = new(*arguments)
    new.train()
    kind: Kind = "preserved" if are_equal(outputs, expected) else "partial"
    return Inheritance(kind, sum(copied.values()) / total, largest_difference(outputs, expected))


@dataclass
class _LayerPairs:
    """The layers of a new network with and without a counterpart in the old one."""

    matched: list[tuple[nn.Module, nn.Module]] = field(default_factory=list)
    """Old and new layer."""
    unmatched: list[tuple[nn.Module, Target]] = field(default_factory=list)
    """New layer, and what it should return."""

    def match(self, old: nn.Module, new: nn.Module) -> None:
        """Adds two layers of the same name, and their parts."""
        self.matched.append((old, new))
        for name, part in new.named_children():
            counterpart = old._modules.get(name)
            is_choice = isinstance(new, LayerChoice)
            if counterpart is None and is_choice and isinstance(old, LayerChoice):
                # Another alternative was chosen
                counterpart = old._modules[old.chosen]
                assert counterpart is not None
                if not _have_same_layers(counterpart, part):
                    self.unmatched.append((part, counterpart))
                    continue
            self._match_part(counterpart, part, is_in_sequence=isinstance(new, nn.Sequential))

    def _match_part(
        self, counterpart: nn.Module | None, part: nn.Module, *, is_in_sequence: bool
    ) -> None:
        if counterpart is None:
            self.unmatched.append((part, "input" if is_in_sequence else "zero"))
        elif type(counterpart) is type(part):
            self.match(counterpart, part)
        else:
            self.unmatched.append((part, counterpart))


def _have_same_layers(one: nn.Module, other: nn.Module) -> bool:
    """Whether two alternatives differ at most in sizes."""
    return [(name, type(part)) for name, part in one.named_modules()] == [
        (name, type(part)) for name, part in other.named_modules()
    ]


def copy_layer(old: nn.Module, new: nn.Module) -> dict[torch.Tensor, int]:
    """Copies a layer's own tensors as far as they fit.

    Returns:
        The number of entries copied into each parameter.
    """
    rule = slicing_of(type(new))
    sources = dict(_own_tensors(old))
    copied: dict[torch.Tensor, int] = {}
    for name, tensor in _own_tensors(new):
        source = sources.get(name)
        if source is None or source.ndim != tensor.ndim:
            continue
        if source.shape == tensor.shape:
            tensor.copy_(source)
            number = tensor.numel()
        elif rule is None or rule.invariant(old) != rule.invariant(new):
            continue
        else:
            number = _copy_common(name, source, tensor, rule, _output_dim(type(new)))
        if isinstance(tensor, nn.Parameter):
            copied[tensor] = number
    return copied


def _copy_common(
    name: str, source: torch.Tensor, tensor: torch.Tensor, rule: Slicing, output_dim: int | None
) -> int:
    """Copies the part that two tensors of different shape share; returns its size."""
    common = torch.Size(map(min, source.shape, tensor.shape))
    places = torch.arange(tensor.numel()).view(tensor.shape)
    values = tensor.flatten()
    if tensor.ndim > 1 and output_dim is not None:
        # Zero weights from new inputs to old outputs
        rows = list(tensor.shape)
        rows[output_dim] = common[output_dim]
        values[rule.view(name, places, torch.Size(rows)).flatten()] = 0
    values[rule.view(name, places, common).flatten()] = rule.view(name, source, common).flatten()
    tensor.copy_(values.view(tensor.shape))
    return common.numel()


def _output_dim(layer: type[nn.Module]) -> int | None:
    return next((_OUTPUT_DIMS[kind] for kind in layer.__mro__ if kind in _OUTPUT_DIMS), 0)


def _own_tensors(layer: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters and persistent buffers of a layer, without those of its parts."""
    yield from layer.named_parameters(recurse=False)
    for name, buffer in layer.named_buffers(recurse=False):
        if name not in layer._non_persistent_buffers_set:
            yield name, buffer


def _save_output(
    outputs: dict[nn.Module, torch.Tensor], layer: nn.Module, arguments: Any, output: Any
) -> None:
    outputs[layer] = output


def _random_inputs(space: ModelSpace) -> torch.Tensor:
    if space.input_shape is None or not space.input_dtype.is_floating_point:
        raise ValueError(
            "batch must be given: the space does not know the shape of its inputs "
            "(ModelSpace(..., input_shape=...)), or they are not floats"
        )
    return torch.randn(
        _PROBE,
        *space.input_shape,
        generator=torch.Generator().manual_seed(0),
        dtype=space.input_dtype,
    )
