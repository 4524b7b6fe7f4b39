"""`Mixture`: all networks of a space in one, each choice a weighted sum of its alternatives.

Liu, Simonyan & Yang, 2019, https://arxiv.org/abs/1806.09055. Each choice has one vector alpha, no
matter how often the choice appears in the network: all cells of one type share theirs. How alphas
become weights is a method of its own, in `ray_nas.sharing.differentiable.relaxations`.

A sum of a fixed number of edges, as at the nodes of `DARTS` (an `InputChoice` whose candidates each
pass a `LayerChoice`), has no alpha, as in the paper. All edges are summed, and each edge has an
additional alternative, zero. The architecture keeps the edges whose best alternative has the
largest share of its edge's softmax.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import torch
from torch import nn

from ray_nas.spaces import InputChoice, LayerChoice, ModelSpace
from ray_nas.spaces.core.parameters import Value
from ray_nas.spaces.core.search_space import Config

Weights = Mapping[str, torch.Tensor]
"""By label, the weights of a choice's values, shape (values,); of an edge, shape (values + 1,)."""
_Shares = Mapping[str, Mapping[Value, float]]
_INITIAL_STD: Final = 1e-3
"""Standard deviation of the initial alphas."""
_Norm = nn.LazyBatchNorm1d | nn.LazyBatchNorm2d | nn.LazyBatchNorm3d
_POOLINGS: Final[dict[type[_Norm], tuple[type[nn.Module], ...]]] = {
    nn.LazyBatchNorm1d: (nn.MaxPool1d, nn.AvgPool1d),
    nn.LazyBatchNorm2d: (nn.MaxPool2d, nn.AvgPool2d),
    nn.LazyBatchNorm3d: (nn.MaxPool3d, nn.AvgPool3d),
}
"""The batch norm that follows an alternative that is a pooling."""


class Mixture(nn.Module):
    """All networks of a space in one; `network.state_dict()` has every key of each of them.

    Batch norms inside alternatives learn no scale and shift, as in the papers: a scale could undo
    the alternative's weight. For the same reason a batch norm without scale and shift follows an
    alternative that is a pooling: convolutions end with a batch norm, and the pooling's output
    would have another scale.

    Args:
        space: A space of layer and input choices.

    Raises:
        ValueError: A choice is not a sum: a `ValueChoice` or `Repeat` with several values, or an
            `InputChoice` that concatenates. The message names it.

    Example:
        >>> space = ModelSpace(lambda: LayerChoice("op", {"tanh": nn.Tanh, "skip": nn.Identity}))
        >>> mixture = Mixture(space)
        >>> mixture(torch.ones(1), {"op": torch.tensor([0.0, 1.0])})
        tensor([1.])
        >>> sorted(mixture.architecture())
        ['op']
    """

    def __init__(self, space: ModelSpace) -> None:
        super().__init__()
        free = {label: choice for label, choice in space.choices.items() if len(choice.values) > 1}
        for label, choice in free.items():
            if choice.kind not in ("LayerChoice", "InputChoice"):
                raise ValueError(
                    f"space has {label!r}, a {choice.kind} of {list(choice.values)}, which is not "
                    "a weighted sum: give it one value, "
                    f"space.fix({{{label!r}: {choice.values[-1]!r}}}), or use another searcher"
                )
        if not free:
            raise ValueError("space has only one architecture: nothing to search")
        self._space = space
        network = space.build_all({})
        self._edges = _summed_edges(
            network, {label: choice.values for label, choice in space.choices.items()}
        )
        """By label of a sum of edges and by its value, the labels of the edges that it keeps."""
        self.values = {
            label: choice.values for label, choice in free.items() if label not in self._edges
        }
        """The values of each choice with an alpha, in the alpha's order; an edge's alpha has one
        more entry, for zero."""
        edges = {
            edge for options in self._edges.values() for kept in options.values() for edge in kept
        }
        sizes = [len(values) + (label in edges) for label, values in self.values.items()]
        self.alphas = nn.ParameterList(
            nn.Parameter(_INITIAL_STD * torch.randn(size)) for size in sizes
        )
        self.identities: dict[str, set[Value]] = {}
        """By label, the values that are a skip connection (`nn.Identity`)."""
        self._weights: dict[str, torch.Tensor] = {}
        self.network = self._mix(network, {})

    def forward(self, inputs: Any, weights: Weights) -> Any:
        """The network's outputs on a batch, with these weights.

        Args:
            inputs: The network's input, or a tuple of several.
            weights: The weights that `weights` returns, or others. An alternative with weight 0 is
                not run.
        """
        self._weights.update(weights)
        return self.network(*inputs) if isinstance(inputs, tuple) else self.network(inputs)

    def weights(self, relax: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, torch.Tensor]:
        """The weights of all choices.

        Args:
            relax: Maps a choice's alpha to its weights.
        """
        return {label: relax(alpha) for label, alpha in zip(self.values, self.alphas, strict=True)}

    def architecture(self, max_skip_share: float = 1.0) -> Config:
        """The config of the largest alphas.

        Args:
            max_skip_share: The largest `skip_share` allowed. Other alternatives replace skip
                connections until it is met, first where the best other one is closest (as in
                P-DARTS: https://arxiv.org/abs/1904.12760).

        Raises:
            ValueError: The config is forbidden or breaks a rule of the space: a mixture cannot
                respect them.
        """
        shares = self._softmax_shares()
        best = {label: max(share, key=share.__getitem__) for label, share in shares.items()}
        config = self._complete(best, shares)
        while self.skip_share(config) > max_skip_share:
            others = self._best_without_skip(config, shares)
            if not others:
                break
            closest = max(
                others, key=lambda label: shares[label][others[label]] / shares[label][best[label]]
            )
            best[closest] = others[closest]
            config = self._complete(best, shares)
        self._space.validate(config)
        return config

    def _softmax_shares(self) -> _Shares:
        """By label and value, the value's share of its choice's softmax; zero is left out."""
        return {
            label: dict(zip(values, alpha.softmax(0).tolist(), strict=False))
            for (label, values), alpha in zip(self.values.items(), self.alphas, strict=True)
        }

    def _best_without_skip(self, config: Config, shares: _Shares) -> dict[str, Value]:
        """For each skip connection of the config, the choice's best other value, if it has one."""
        others: dict[str, Value] = {}
        for label, skips in self.identities.items():
            rest = {value: share for value, share in shares[label].items() if value not in skips}
            if config.get(label) in skips and rest:
                others[label] = max(rest, key=rest.__getitem__)
        return others

    def _complete(self, best: Mapping[str, Value], shares: _Shares) -> Config:
        """The config of these values, with the edges whose values have the largest shares."""

        def strength(edges: Sequence[str]) -> float:
            return sum(shares[edge][best[edge]] for edge in edges)

        kept = {
            label: max(options, key=lambda value: strength(options[value]))
            for label, options in self._edges.items()
        }
        return self._space.complete({**best, **kept})

    def subnetwork(self, config: Config) -> nn.Module:
        """The network of a config, with a copy of its weights here.

        As here, a batch norm follows each pooling; its statistics are not computed yet.
        """
        network = self._space.build(config)
        state = self.network.state_dict()
        network.load_state_dict({name: state[name] for name in network.state_dict()})
        for module in list(network.modules()):
            if isinstance(module, LayerChoice) and module.label in self.values:
                for name, layer in module.named_children():
                    norm = _norm_after(layer)
                    if norm is not None:
                        module._modules[name] = nn.Sequential(layer, norm(affine=False))
        return network

    def skip_share(self, config: Config) -> float:
        """The share of skip connections among the choices that offer one; 0 if none does."""
        offering = [label for label in self.identities if label in config]
        skips = sum(config[label] in self.identities[label] for label in offering)
        return skips / max(1, len(offering))

    def _mix(self, module: nn.Module, done: dict[nn.Module, nn.Module]) -> nn.Module:
        """The module with a sum in place of every choice of several values.

        Args:
            module: Changed in place, unless it is a choice itself.
            done: What each module became; a module that appears twice stays one.
        """
        if module in done:
            return done[module]
        for name, child in list(module.named_children()):
            module._modules[name] = self._mix(child, done)
        mixed: nn.Module = module
        if isinstance(module, LayerChoice) and module.label in self.values:
            mixed = self._mixed_layer(module)
        elif isinstance(module, InputChoice) and module.label in self._edges:
            assert module.layers is not None
            mixed = _SummedEdges(module.layers)
        elif isinstance(module, InputChoice) and module.label in self.values:
            mixed = self._mixed_input(module)
        done[module] = mixed
        return mixed

    def _mixed_layer(self, choice: LayerChoice) -> nn.Module:
        layers = dict(choice.named_children())
        for value, layer in zip(self.values[choice.label], layers.values(), strict=True):
            if isinstance(layer, nn.Identity):
                self.identities.setdefault(choice.label, set()).add(value)
        return _without_affine(_MixedLayer(choice.label, layers, self._weights))

    def _mixed_input(self, choice: InputChoice) -> nn.Module:
        if choice.reduction == "concat":
            raise ValueError(
                f"space has {choice.label!r}, an InputChoice that concatenates, which is not a "
                "weighted sum: fix its value"
            )
        subsets = [choice.options[str(value)] for value in self.values[choice.label]]
        return _without_affine(_MixedInput(choice, subsets, self._weights))


class _MixedLayer(nn.Module):
    """A `LayerChoice` as the weighted sum of its alternatives."""

    def __init__(self, label: str, layers: Mapping[str, nn.Module], weights: Weights) -> None:
        super().__init__()
        self._label = label
        self._weights = weights
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, *inputs: Any, **named: Any) -> torch.Tensor:
        branches = [partial(_normalized, layer, *inputs, **named) for layer in self.children()]
        return _weighted_sum(self._weights[self._label], branches)


class _SummedEdges(nn.Module):
    """The sum of all edges into a node."""

    def __init__(self, layers: nn.ModuleDict) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        outputs = [layer(inputs[int(index)]) for index, layer in self.layers.items()]
        return torch.stack(outputs).sum(0)


class _MixedInput(nn.Module):
    """An `InputChoice` as the sum of its candidates.

    A candidate's weight is the sum of the weights of all selections that contain it.
    """

    def __init__(
        self, choice: InputChoice, subsets: Sequence[Sequence[int]], weights: Weights
    ) -> None:
        super().__init__()
        self._label = choice.label
        self._weights = weights
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

    A branch with weight 0 is not run, and its weight gets no gradient. (The code of GDAS's authors
    adds the weight in the branch's place: the gradient of a branch that returns ones.) A last
    weight without a branch belongs to zero.
    """
    total: Any = None
    for weight, value, branch in zip(weights, weights.tolist(), branches, strict=False):
        if value != 0:
            output = branch()
            if not isinstance(output, torch.Tensor):
                raise TypeError(
                    "an alternative's output must be a tensor to be mixed, "
                    f"got {type(output).__name__}"
                )
            total = weight * output if total is None else total + weight * output
    if total is None:
        # All weight is on zero: a branch gives the shape, the weight a gradient of 0.
        with torch.no_grad():
            zeros = torch.zeros_like(branches[0]())
        total = weights[-1] * zeros
    return total  # type: ignore[no-any-return]


def _normalized(layer: nn.Module, *inputs: Any, **named: Any) -> Any:
    """The layer's output; that of a pooling is normalised over the batch."""
    output = layer(*inputs, **named)
    if _norm_after(layer) is None:
        return output
    return nn.functional.batch_norm(output, None, None, training=True)


def _norm_after(layer: nn.Module) -> type[_Norm] | None:
    """The kind of batch norm that follows a pooling; None after other layers."""
    return next((norm for norm, kinds in _POOLINGS.items() if isinstance(layer, kinds)), None)


def _without_affine(mixed: nn.Module) -> nn.Module:
    """The module, whose batch norms now learn no scale and shift."""
    for norm in mixed.modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm) and norm.affine:
            norm.weight.requires_grad_(False)
            norm.bias.requires_grad_(False)
    return mixed


def _summed_edges(
    network: nn.Module, values: Mapping[str, tuple[Value, ...]]
) -> dict[str, dict[Value, list[str]]]:
    """The sums of a fixed number of edges: by label and value, the labels of the edges it keeps."""
    found: dict[str, dict[Value, list[str]]] = {}
    for module in network.modules():
        if not isinstance(module, InputChoice) or module.layers is None:
            continue
        layers = dict(module.layers.items())
        subsets = {value: module.options[str(value)] for value in values[module.label]}
        has_fixed_number = len({len(subset) for subset in subsets.values()}) == 1
        are_edges = all(
            isinstance(layer, LayerChoice) and len(values[layer.label]) > 1
            for layer in layers.values()
        )
        if module.reduction == "sum" and has_fixed_number and are_edges:
            found[module.label] = {
                value: [str(layers[str(index)].label) for index in subset]
                for value, subset in subsets.items()
            }
    return found
