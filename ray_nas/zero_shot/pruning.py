"""TE-NAS (Chen, Gong & Wang, 2021): https://arxiv.org/abs/2102.11535, Algorithm 1.

Starts from the network that holds every alternative of every choice, and removes one alternative
per choice in each round: the one without which the network is best, by the sum of two ranks, the
condition number of the neural tangent kernel (smaller is better) and the number of linear regions
(larger is better). As in the authors' code, the alternative "none" is removed beforehand, and all
remaining alternatives of a choice have the same weight.

For spaces that keep some of the edges into a node (`DARTS`), a last round ranks the edges by the
network without them; the authors prune edges during the same rounds as alternatives.
"""

from collections.abc import Callable, Collection
from typing import Any, Final

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn

from ray_nas.estimators import proxies
from ray_nas.sharing.differentiable.mixture import Mixture, Weights
from ray_nas.spaces import ModelSpace
from ray_nas.spaces.core.parameters import Value
from ray_nas.spaces.core.search_space import Config
from ray_nas.trials.seeding import seeded

_PROXIES: Final = ("te_nas_ntk", "te_nas_regions")

_Remaining = dict[str, list[Value]]
"""The values of each choice that are left."""


def te_nas_search(
    space: ModelSpace,
    batch: Any,
    *,
    excluded: Collection[Value] = ("none",),
    seed: int = 0,
    on_round: Callable[[int], None] | None = None,
) -> Config:
    """Finds one architecture by pruning the network of all alternatives, without training.

    The cost is about `choices * alternatives**2 / 2` evaluations of a network as large as all
    alternatives together. Search a narrow and shallow version of the space: configs keep their
    meaning in the full one.

    Args:
        space: A space of layer and input choices.
        batch: `(inputs, labels)`; labels may be None. 32 examples in the paper.
        excluded: Values that are removed beforehand where the choice has others.
        seed: Seed of the weights.
        on_round: Called after each evaluation with the number of evaluations so far.

    Returns:
        The architecture.

    Raises:
        ValueError: A choice is not a sum of alternatives; the message names it.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> space = NASBench201(2, 1).restrict({"edge_0_1": ["none", "nor_conv_3x3"]})
        >>> space = space.fix({f"edge_{i}_{j}": "skip_connect" for i, j in [(0, 2), (0, 3)]})
        >>> space = space.fix({"edge_1_2": "skip_connect", "edge_2_3": "skip_connect"})
        >>> config = te_nas_search(space, (torch.rand(4, 3, 8, 8), None))
        >>> config["edge_0_1"], config["edge_1_3"] in space.choices["edge_1_3"].values
        ('nor_conv_3x3', True)
    """
    with seeded(seed):
        mixture = Mixture(space)
    pruning = _Pruning(mixture, batch, seed, on_round)
    remaining = {
        label: [value for value in values if value not in excluded] or list(values)
        for label, values in mixture.values.items()
    }
    while any(len(values) > 1 for values in remaining.values()):
        scores = pruning.without_alternatives(remaining)
        for label in {label for label, _ in scores}:
            values = remaining[label]
            values.remove(max(values, key=lambda value: scores[label, value]))
    pruning.set_alphas(remaining)
    return mixture.architecture()


class _Pruning:
    """Rates the networks that are left after a removal.

    Args:
        mixture: The network of all alternatives.
        batch: Inputs and labels.
        seed: Every network gets the same initial weights.
        on_round: Called after each evaluation.
    """

    def __init__(
        self, mixture: Mixture, batch: Any, seed: int, on_round: Callable[[int], None] | None
    ) -> None:
        self._mixture = mixture
        self._batch = batch
        self._seed = seed
        self._on_round = on_round
        self._evaluations = 0

    def without_alternatives(self, remaining: _Remaining) -> dict[tuple[str, Value], float]:
        """By choice and value, how good the network is without it; larger is better."""
        weights = {label: self._even_weights(label, kept) for label, kept in remaining.items()}
        removals = {
            (label, value): self._even_weights(label, [one for one in kept if one != value])
            for label, kept in remaining.items()
            for value in kept
            if len(kept) > 1
        }
        measured = [
            self._measure({**weights, label: changed}) for (label, _), changed in removals.items()
        ]
        return dict(zip(removals, _rank_sums(measured), strict=True))

    def set_alphas(self, remaining: _Remaining) -> None:
        """Sets the mixture's alphas so that its architecture has the remaining values.

        An edge whose removal leaves a worse network has a larger alpha.
        """
        weights = {label: self._even_weights(label, kept) for label, kept in remaining.items()}
        edges = [label for label in remaining if self._is_edge(label)]
        strength = dict.fromkeys(remaining, 0.0)
        if edges:
            without = [
                self._measure({**weights, edge: self._even_weights(edge, [])}) for edge in edges
            ]
            strength |= {
                edge: -float(score) / len(edges)
                for edge, score in zip(edges, _rank_sums(without), strict=True)
            }
        for alpha, (label, (value,)) in zip(self._mixture.alphas, remaining.items(), strict=True):
            with torch.no_grad():
                alpha.zero_()
                alpha[self._mixture.values[label].index(value)] = 10.0 + strength[label]

    def _is_edge(self, label: str) -> bool:
        return self._count(label) > len(self._mixture.values[label])

    def _count(self, label: str) -> int:
        """The number of the choice's weights; an edge has one more, for zero."""
        return len(self._mixture.alphas[list(self._mixture.values).index(label)])

    def _even_weights(self, label: str, kept: Collection[Value]) -> torch.Tensor:
        """The same weight for each value kept; all weight on zero if none is."""
        weights = torch.zeros(self._count(label))
        for value in kept:
            weights[self._mixture.values[label].index(value)] = 1 / len(kept)
        if not kept:
            weights[-1] = 1.0
        return weights

    def _measure(self, weights: Weights) -> dict[str, float]:
        network = _WeightedMixture(self._mixture, weights)
        rng = torch.Generator().manual_seed(self._seed)
        scores = proxies.score(network, _PROXIES, self._batch, rng=rng)
        self._evaluations += 1
        if self._on_round is not None:
            self._on_round(self._evaluations)
        return scores


class _WeightedMixture(nn.Module):
    """A mixture with fixed weights: an ordinary network."""

    def __init__(self, mixture: Mixture, weights: Weights) -> None:
        super().__init__()
        self.mixture = mixture
        self._weights = weights

    def forward(self, *inputs: Any) -> Any:
        return self.mixture(inputs, self._weights)


def _rank_sums(measured: list[dict[str, float]]) -> np.ndarray:
    """For each network, the sum of its ranks; values that are not finite rank last."""
    columns = [[row[name] for row in measured] for name in _PROXIES]
    ranks = [rankdata(np.nan_to_num(column, nan=-np.inf)) for column in columns]
    sums: np.ndarray = np.sum(ranks, axis=0)
    return sums
