"""`Mixture`: all networks of a space at once, each choice a weighted sum of its alternatives (Liu, Simonyan & Yang, 2019).

https://arxiv.org/abs/1806.09055

One vector alpha for each choice, wherever the choice stands in the network: the cells of one type share theirs. How alphas
become weights is a method of its own (`ray_nas.sharing.differentiable.relaxations`).

A sum of a fixed number of edges, as at the nodes of `DARTS` (an `InputChoice` whose candidates each pass a `LayerChoice`), has
no alpha of its own, as in the paper: all edges are summed, each edge has one alternative more, which is nothing, and those
edges are taken in the end whose best alternative has the largest share of its edge's softmax.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import torch
from torch import nn

from ray_nas.spaces import InputChoice, LayerChoice, ModelSpace
from ray_nas.spaces.core.search_space import Config
from ray_nas.spaces.core.parameters import Value

Weights = Mapping[str, torch.Tensor]
"""By label, one weight for each of the choice's values."""
_INITIAL: Final = 1e-3
"""Standard deviation of the alphas at the start."""
_Norm = nn.LazyBatchNorm1d | nn.LazyBatchNorm2d | nn.LazyBatchNorm3d
_POOLINGS: Final[dict[type[_Norm], tuple[type[nn.Module], ...]]] = {
    nn.LazyBatchNorm1d: (nn.MaxPool1d, nn.AvgPool1d),
    nn.LazyBatchNorm2d: (nn.MaxPool2d, nn.AvgPool2d),
    nn.LazyBatchNorm3d: (nn.MaxPool3d, nn.AvgPool3d),
}
"""The batch norm that follows an alternative which is a pooling."""


class Mixture(nn.Module):
    """All the networks of a space in one; `network.state_dict()` has every key that any of them has.

    Batch norms inside of alternatives learn no scale and shift (as in the papers: a scale could undo an alternative's
    weight). The output of an alternative that is a pooling is normalised over the batch, likewise without scale and shift: it
    would weigh more or less than convolutions, which end on a batch norm.

    Args:
        space: A space of layer and input choices.

    Raises:
        ValueError: A choice that is no sum: a `ValueChoice` or `Repeat` with several values, or inputs that are joined by
            concatenation. The message names it.
    """

    def __init__(self, space: ModelSpace) -> None:
        super().__init__()
        free = {label: choice for label, choice in space.choices.items() if len(choice.values) > 1}
        for label, choice in free.items():
            if choice.kind not in ("LayerChoice", "InputChoice"):
                raise ValueError(
                    f"space has {label!r}, a {choice.kind} of {list(choice.values)}, which is no weighted sum: give it one value, "
                    f"space.fix({{{label!r}: {choice.values[-1]!r}}}), or search it by another searcher"
                )
        if not free:
            raise ValueError("space has one architecture only: nothing to search")
        self._space = space
        network = space.build_all({})
        self._edges = _summed_edges(
            network, {label: choice.values for label, choice in space.choices.items()}
        )
        """By label of a sum of edges and by its value, the labels of the edges that it takes."""
        self.values = {
            label: choice.values for label, choice in free.items() if label not in self._edges
        }
        """The values of each choice that has an alpha, in its order; an edge's alpha has one entry more, of nothing."""
        edges = {
            edge for options in self._edges.values() for taken in options.values() for edge in taken
        }
        sizes = [len(values) + (label in edges) for label, values in self.values.items()]
        self.alphas = nn.ParameterList(nn.Parameter(_INITIAL * torch.randn(size)) for size in sizes)
        self.identities: dict[str, set[Value]] = {}
        """By label, the values that are a skip connection (`nn.Identity`)."""
        self._weights: dict[str, torch.Tensor] = {}
        self.network = self._mixed(network, {})

    def forward(self, inputs: Any, weights: Weights) -> Any:
        """What the network makes of a batch with such weights.

        Args:
            inputs: The network's input, or a tuple of several.
            weights: As a relaxation gives them. A weight of 0 costs nothing: its alternative is not run.
        """
        self._weights.update(weights)
        return self.network(*inputs) if isinstance(inputs, tuple) else self.network(inputs)

    def weights(self, relax: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, torch.Tensor]:
        """The weights that a relaxation makes of the alphas."""
        return {label: relax(alpha) for label, alpha in zip(self.values, self.alphas, strict=True)}

    def architecture(self, max_skip_share: float = 1.0) -> Config:
        """The config of the largest alphas.

        Args:
            max_skip_share: The largest `skip_share` that it may have. Skip connections beyond give way to the best other
                alternative, those first where it is nearest (as P-DARTS does: https://arxiv.org/abs/1904.12760).

        Raises:
            ValueError: The config is forbidden or breaks a rule of the space, which a mixture cannot respect.
        """
        shares = {  # of each value in its choice's softmax
            label: dict(zip(values, alpha.softmax(0).tolist(), strict=False))
            for (label, values), alpha in zip(self.values.items(), self.alphas, strict=True)
        }
        best = {label: max(share, key=share.__getitem__) for label, share in shares.items()}
        config = self._completed(best, shares)
        while self.skip_share(config) > max_skip_share:
            others: dict[str, Value] = {}
            for label in [
                label for label, skips in self.identities.items() if config.get(label) in skips
            ]:
                rest = {
                    value: share
                    for value, share in shares[label].items()
                    if value not in self.identities[label]
                }
                if rest:
                    others[label] = max(rest, key=rest.__getitem__)
            if not others:
                break
            nearest = max(
                others, key=lambda label: shares[label][others[label]] / shares[label][best[label]]
            )
            best[nearest] = others[nearest]
            config = self._completed(best, shares)
        self._space.validate(config)
        return config

    def _completed(
        self, best: Mapping[str, Value], shares: Mapping[str, Mapping[Value, float]]
    ) -> Config:
        """The config of these values, with the edges whose values have the largest shares."""

        def strength(edges: Sequence[str]) -> float:
            return sum(shares[edge][best[edge]] for edge in edges)

        taken = {
            label: max(options, key=lambda value: strength(options[value]))
            for label, options in self._edges.items()
        }
        return self._space.complete({**best, **taken})

    def subnetwork(self, config: Config) -> nn.Module:
        """The network of `config` with a copy of the weights that it has here.

        Pooling layers are followed by the batch norm that they have here; its statistics are yet to be counted.
        """
        network = self._space.build(config)
        own = self.network.state_dict()
        network.load_state_dict({name: own[name] for name in network.state_dict()})
        for choice in [
            module
            for module in network.modules()
            if isinstance(module, LayerChoice) and module.label in self.values
        ]:
            for name, layer in choice.named_children():
                norm = _norm_after(layer)
                if norm is not None:
                    choice._modules[name] = nn.Sequential(layer, norm(affine=False))
        return network

    def skip_share(self, config: Config) -> float:
        """The part of the choices that have taken a skip connection, of those that offer one; 0 where none does."""
        offering = [label for label in self.identities if label in config]
        return sum(config[label] in self.identities[label] for label in offering) / max(
            1, len(offering)
        )

    def _mixed(self, module: nn.Module, done: dict[nn.Module, nn.Module]) -> nn.Module:
        """The module with every choice of several values in it replaced by a sum; one that stands twice stays one."""
        if module in done:
            return done[module]
        for name, part in list(module.named_children()):
            module._modules[name] = self._mixed(part, done)
        mixed: nn.Module = module
        if isinstance(module, LayerChoice) and module.label in self.values:
            layers = dict(module.named_children())
            for value, layer in zip(self.values[module.label], layers.values(), strict=True):
                if isinstance(layer, nn.Identity):
                    self.identities.setdefault(module.label, set()).add(value)
            mixed = _MixedLayer(module.label, layers, self._weights)
        elif isinstance(module, InputChoice) and module.label in self._edges:
            assert module.layers is not None
            mixed = _SummedEdges(module.layers)
        elif isinstance(module, InputChoice) and module.label in self.values:
            if module.reduction == "concat":
                raise ValueError(
                    f"space has {module.label!r}, an InputChoice that concatenates, which is no weighted sum: fix its value"
                )
            subsets = [module.options[str(value)] for value in self.values[module.label]]
            mixed = _MixedInput(module, subsets, self._weights)
        if isinstance(mixed, _MixedLayer | _MixedInput):
            for norm in mixed.modules():
                if isinstance(norm, nn.modules.batchnorm._BatchNorm) and norm.affine:
                    norm.weight.requires_grad_(False)
                    norm.bias.requires_grad_(False)
        done[module] = mixed
        return mixed


class _MixedLayer(nn.Module):
    """A `LayerChoice` as the sum of its alternatives."""

    def __init__(self, label: str, layers: Mapping[str, nn.Module], weights: Weights) -> None:
        super().__init__()
        self._label, self._weights = label, weights
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, *inputs: Any, **named: Any) -> torch.Tensor:
        return _weighted_sum(
            self._weights[self._label],
            [partial(_normalised, layer, *inputs, **named) for layer in self.children()],
        )


class _SummedEdges(nn.Module):
    """The sum of all edges into a node."""

    def __init__(self, layers: nn.ModuleDict) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.stack([layer(inputs[int(index)]) for index, layer in self.layers.items()]).sum(
            0
        )


class _MixedInput(nn.Module):
    """An `InputChoice` as the sum of its candidates, each with the weight of all selections that it is in."""

    def __init__(
        self, choice: InputChoice, subsets: Sequence[Sequence[int]], weights: Weights
    ) -> None:
        super().__init__()
        self._label, self._weights = choice.label, weights
        self.layers = choice.layers
        self.shares: torch.Tensor
        shares = torch.zeros(len(choice.names), len(subsets))
        for option, subset in enumerate(subsets):
            for index in subset:
                shares[index, option] = 1 / len(subset) if choice.reduction == "mean" else 1
        self.register_buffer("shares", shares, persistent=False)

    def forward(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        layers = [
            nn.Identity() if self.layers is None else self.layers[str(index)]
            for index in range(len(inputs))
        ]
        branches = [partial(layer, tensor) for layer, tensor in zip(layers, inputs, strict=True)]
        return _weighted_sum(self.shares @ self._weights[self._label], branches)


def _weighted_sum(weights: torch.Tensor, branches: Sequence[Callable[[], Any]]) -> torch.Tensor:
    """The sum of weight * branch.

    A branch whose weight is 0 is not run, and its weight gets no gradient. (In the code of GDAS's authors it is added in its
    branch's place: the gradient of a branch that gives ones.) A last weight without a branch is that of nothing.
    """
    total: Any = 0
    for weight, value, branch in zip(weights, weights.tolist(), branches, strict=False):
        if value != 0:
            output = branch()
            if not isinstance(output, torch.Tensor):
                raise TypeError(
                    f"an alternative's output must be a tensor to be mixed, got {type(output).__name__}"
                )
            total = total + weight * output
    if isinstance(
        total, int
    ):  # nothing alone: zeros of what shape, a branch must say; with a gradient, of 0, as all have one
        with torch.no_grad():
            zeros = torch.zeros_like(branches[0]())
        total = weights[-1] * zeros
    return total  # type: ignore[no-any-return]


def _normalised(layer: nn.Module, *inputs: Any, **named: Any) -> Any:
    """The layer's output; a pooling's, normalised over the batch."""
    output = layer(*inputs, **named)
    return (
        output
        if _norm_after(layer) is None
        else nn.functional.batch_norm(output, None, None, training=True)
    )


def _norm_after(layer: nn.Module) -> type[_Norm] | None:
    """The kind of batch norm that follows a pooling layer, None after others; it finds the number of channels itself."""
    return next((norm for norm, kinds in _POOLINGS.items() if isinstance(layer, kinds)), None)


def _summed_edges(
    network: nn.Module, values: Mapping[str, tuple[Value, ...]]
) -> dict[str, dict[Value, list[str]]]:
    """The sums of a fixed number of edges, by label and value: the labels of the edges that are taken."""
    found: dict[str, dict[Value, list[str]]] = {}
    for module in network.modules():
        if (
            not isinstance(module, InputChoice)
            or module.reduction != "sum"
            or module.layers is None
        ):
            continue
        layers = dict(module.layers.items())
        subsets = {value: module.options[str(value)] for value in values[module.label]}
        same_number = len({len(subset) for subset in subsets.values()}) == 1
        if same_number and all(
            isinstance(layer, LayerChoice) and len(values[layer.label]) > 1
            for layer in layers.values()
        ):
            found[module.label] = {
                value: [str(layers[str(index)].label) for index in subset]
                for value, subset in subsets.items()
            }
    return found
