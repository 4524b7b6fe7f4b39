"""`Mixture`: all networks of a space at once, each choice a weighted sum of its alternatives (Liu,
Simonyan & Yang, 2019).

https://arxiv.org/abs/1806.09055

One vector alpha for each choice, wherever the choice stands in the network. How alphas become
weights is a method of its own (`ray_nas.sharing.differentiable.relaxations`).
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
"""By label, one weight for each of the choice's values."""
_INITIAL: Final = 1e-3
"""Standard deviation of the alphas at the start."""


class Mixture(nn.Module):
    """All the networks of a space in one; `network.state_dict()` has every key that any of them
    has.

    Batch norms inside of alternatives learn no scale and shift (as in the papers: a scale could
    undo an alternative's weight).

    Args:
        space: A space of layer and input choices.

    Raises:
        ValueError: A choice that is no sum: a `ValueChoice` or `Repeat` with several values, or
            inputs that are joined by concatenation. The message names it.
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
        self.values = {label: choice.values for label, choice in free.items()}
        """The values of each choice that has several, in the order of its alpha."""
        self.alphas = nn.ParameterList(
            nn.Parameter(_INITIAL * torch.randn(len(values))) for values in self.values.values()
        )
        self.identities: dict[str, set[Value]] = {}
        """By label, the values that are a skip connection (`nn.Identity`)."""
        self._weights: dict[str, torch.Tensor] = {}
        self.network = self._mixed(space.build_all({}), {})

    def forward(self, inputs: Any, weights: Weights) -> Any:
        """What the network makes of a batch with such weights.

        Args:
            inputs: The network's input, or a tuple of several.
            weights: As a relaxation gives them. A weight of 0 costs nothing: its alternative is not
                run.
        """
        self._weights.update(weights)
        return self.network(*inputs) if isinstance(inputs, tuple) else self.network(inputs)

    def weights(self, relax: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, torch.Tensor]:
        """The weights that a relaxation makes of the alphas."""
        return {label: relax(alpha) for label, alpha in zip(self.values, self.alphas, strict=True)}

    def architecture(self, max_skip_share: float = 1.0) -> Config:
        """The config of the largest alphas.

        Args:
            max_skip_share: The largest `skip_share` that it may have. Skip connections beyond give
                way to the best other alternative, those first where it is nearest (as P-DARTS does:
                https://arxiv.org/abs/1904.12760).

        Raises:
            ValueError: The config is forbidden or breaks a rule of the space, which a mixture
                cannot respect.
        """
        scores = {
            label: dict(zip(values, alpha.tolist(), strict=True))
            for (label, values), alpha in zip(self.values.items(), self.alphas, strict=True)
        }
        best = {label: max(score, key=score.__getitem__) for label, score in scores.items()}
        config = self._space.complete(best)
        while self.skip_share(config) > max_skip_share:
            others: dict[str, Value] = {}
            for label in [
                label for label, skips in self.identities.items() if config.get(label) in skips
            ]:
                rest = {
                    value: score
                    for value, score in scores[label].items()
                    if value not in self.identities[label]
                }
                if rest:
                    others[label] = max(rest, key=rest.__getitem__)
            if not others:
                break
            nearest = min(
                others, key=lambda label: scores[label][best[label]] - scores[label][others[label]]
            )
            best[nearest] = others[nearest]
            config = self._space.complete(best)
        self._space.validate(config)
        return config

    def subnetwork(self, config: Config) -> nn.Module:
        """The network of `config` with a copy of the weights that it has here."""
        network = self._space.build(config)
        own = self.network.state_dict()
        network.load_state_dict({name: own[name] for name in network.state_dict()})
        return network

    def skip_share(self, config: Config) -> float:
        """The part of the choices that have taken a skip connection, of those that offer one; 0
        where none does.
        """
        offering = [label for label in self.identities if label in config]
        return sum(config[label] in self.identities[label] for label in offering) / max(
            1, len(offering)
        )

    def _mixed(self, module: nn.Module, done: dict[nn.Module, nn.Module]) -> nn.Module:
        """The module with every choice of several values in it replaced by a sum; one that
        stands twice stays one.
        """
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
            [partial(layer, *inputs, **named) for layer in self.children()],
        )


class _MixedInput(nn.Module):
    """An `InputChoice` as the sum of its candidates, each with the weight of all selections that
    it is in.
    """

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
    """The sum of weight * branch. A branch whose weight is 0 is not run, and its weight gets no
    gradient (as in GDAS).
    """
    outputs: list[torch.Tensor] = []
    for weight, value, branch in zip(weights, weights.tolist(), branches, strict=True):
        if value != 0:
            output = branch()
            if not isinstance(output, torch.Tensor):
                raise TypeError(
                    f"an alternative's output must be a tensor to be mixed, got {type(output).__name__}"
                )
            outputs.append(weight * output)
    return torch.stack(outputs).sum(0) if len(outputs) > 1 else outputs[0]
