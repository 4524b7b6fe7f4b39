"""One score from several proxies: the sum of the logarithms of their ranks.

AZ-NAS (Lee & Ham, 2024): https://arxiv.org/abs/2403.19232
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from scipy.stats import rankdata

from ray_nas.estimators.arrays import Array
from ray_nas.estimators.proxies.core.batches import Batch, check_batch
from ray_nas.estimators.proxies.core.constant_outputs import has_constant_outputs
from ray_nas.estimators.proxies.core.proxy_errors import ProxyError, UnsuitableNetworkError
from ray_nas.estimators.proxies.core.proxy_registry import PROXIES
from ray_nas.estimators.proxies.core.rectifiers import RectifierCheck
from ray_nas.estimators.proxies.core.scoring import score
from ray_nas.spaces.core.search_space import SearchSpace
from ray_nas.trials.seeding import seeded

DEFAULT_WEIGHTS: Final[Mapping[str, float]] = {
    "naswot": 1.0,
    "params": 1.0,
    "flops": 1.0,
    "jacov": 0.5,
}
"""The proxies of `Aggregate` and their weights; `jacov` only if the inputs are floating-point."""
CONSTANT: Final = "constant_outputs"
"""The entry of a row that is 1 if the network ignores its inputs, and 0 otherwise."""


class Aggregate:
    """Ranks the architectures of a space by several proxies together, without training.

    An architecture scores the weighted sum over the proxies of log(rank / number), where the best
    of `number` architectures has rank `number` (AZ-NAS has equal weights). The logarithm
    weighs low ranks most: a good architecture is bad by no proxy. A score is relative to the
    architectures scored with it.

    The default was chosen for breadth, on NAS-Bench-201 and the tables of
    `benchmarks/proxy_aggregate.py`. `naswot` and size hold up best across published spaces; which
    measure of size is better depends on the space, so both are in. `jacov` adds most where it
    works, but means nothing in other spaces, NAS-Bench-301 for one (Krishnakumar et al., 2022,
    https://arxiv.org/abs/2210.03230). Half a weight keeps two thirds of the gain, and costs little
    where there is none.

    Args:
        batch: `(inputs, labels)`, as in `proxies.score`; labels may be None if no proxy uses them.
        names: Proxies in `PROXIES`, of weight 1 each, or a mapping of their positive weights; None
            for `DEFAULT_WEIGHTS`.
        seed: Seeds each network's initial weights and the proxies' own draws.
        device: Where networks are built and scored.

    Raises:
        ValueError: There is no name, one is unknown or there twice, or one needs labels and the
            batch has none; a weight is not positive; or the batch is no such pair.

    Example:
        >>> from ray_nas.spaces import MLPSpace
        >>> space = MLPSpace(inputs=4, outputs=2, max_layers=2)
        >>> inputs = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))
        >>> small = {"depth": 1, "activation": "relu", "norm": "none"}
        >>> small |= {"layer_0.width": 32, "layer_0.dropout": 0.0}
        >>> large = small | {"layer_0.width": 512}
        >>> Aggregate((inputs, None), names=["naswot", "params"])(space, [small, large])
        [-1.386..., 0.0]
    """

    def __init__(
        self,
        batch: tuple[Any, torch.Tensor | None],
        *,
        names: Sequence[str] | Mapping[str, float] | None = None,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        checked = check_batch(batch)
        if names is None:
            names = _defaults(checked)
        self.weights = _checked(names, has_labels=checked.labels is not None)
        self._batch = batch
        self._seed = seed
        self._device = device

    @property
    def names(self) -> tuple[str, ...]:
        """The proxies."""
        return tuple(self.weights)

    def __call__(self, space: SearchSpace, configs: Sequence[Mapping[str, Any]]) -> list[float]:
        """The scores of configs; larger is better."""
        return self.combine(self.measure(space, configs))

    def measure(
        self, space: SearchSpace, configs: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, float]]:
        """The proxies of each config, whatever other configs there are.

        A proxy that a network has nothing for is not in its row: `jacov` of integers, and `naswot`
        without a rectifier (a transformer with GELU, say), since it counts linear regions, which
        smooth activations do not have. The entry `CONSTANT` is 1 for a network that ignores its
        inputs, such as a cell without a path.

        Raises:
            ProxyError: A network does not take the batch.
        """
        return [self._measure(space, config) for config in configs]

    def combine(self, rows: Sequence[Mapping[str, float]]) -> list[float]:
        """Scores from rows of `measure`; larger is better.

        Equal values share a rank. Networks with a non-finite value and those that ignore their
        inputs come last, in the order of their other ranks. A proxy that a row lacks counts as the
        mean of the row's other logarithms; one that all rows lack is left out, with a warning.

        Raises:
            ValueError: A row has none of the proxies.
        """
        if not rows:
            return []
        values = np.array([[row.get(name, np.inf) for name in self.names] for row in rows])
        missing = np.array([[name not in row for name in self.names] for row in rows])
        self._check_missing(missing)
        broken = (~np.isfinite(values) & ~missing).any(1)
        broken |= [row.get(CONSTANT) == 1 for row in rows]
        logarithms = np.array([_log_ranks(*pair) for pair in zip(values.T, missing.T, strict=True)])
        weights = np.array(list(self.weights.values()))[:, None] * ~missing.T
        scores = (weights * logarithms).sum(0) / weights.sum(0) * weights.max(1).sum()
        # Below the worst that a row with finite values may have
        scores[broken] -= 1.0 + weights.max(1).sum() * np.log(len(rows))
        return [float(score) for score in scores]

    def _measure(self, space: SearchSpace, config: Mapping[str, Any]) -> dict[str, float]:
        with seeded(self._seed):
            network = space.build(config).to(self._device)
        row: dict[str, float] = {}
        for name in self.names:
            rng = torch.Generator().manual_seed(self._seed)
            try:
                row |= score(network, [name], self._batch, rng=rng)
            except ProxyError as error:
                if not isinstance(error.__cause__, UnsuitableNetworkError):
                    raise
        with RectifierCheck() as rectifiers:
            row[CONSTANT] = float(has_constant_outputs(network, self._batch))
        if not rectifiers.found:
            row.pop("naswot", None)
        return row

    def _check_missing(self, missing: Any) -> None:
        if missing.all(1).any():
            index = int(np.argmax(missing.all(1)))
            raise ValueError(
                f"rows must each have one of {', '.join(self.names)}; row {index} has none"
            )
        for name, absent in zip(self.names, missing.T, strict=True):
            if absent.all():
                warnings.warn(
                    f"{name} is left out: it could be computed for none of {len(absent)} networks",
                    stacklevel=3,
                )


def _log_ranks(values: Array, missing: Any) -> Array:
    """log(rank / number) among the values that are there; 0 for the others."""
    there = ~missing
    result = np.zeros(len(values))
    if there.any():
        finite = np.where(np.isfinite(values[there]), values[there], -np.inf)
        result[there] = np.log(rankdata(finite) / there.sum())
    return result


def _defaults(batch: Batch) -> dict[str, float]:
    needs_floats = {"jacov"}
    return {
        name: weight
        for name, weight in DEFAULT_WEIGHTS.items()
        if batch.float_tensors or name not in needs_floats
    }


def _checked(names: Sequence[str] | Mapping[str, float], has_labels: bool) -> dict[str, float]:
    weights = dict(names) if isinstance(names, Mapping) else dict.fromkeys(names, 1.0)
    unknown = [name for name in weights if name not in PROXIES]
    if isinstance(names, str) or not weights or unknown or len(weights) < len(names):
        raise ValueError(
            f"names must be different names in {', '.join(sorted(PROXIES))}, got {names!r}"
        )
    for name, weight in weights.items():
        if not 0.0 < weight < np.inf:
            raise ValueError(f"names must have positive weights, got {weight} for {name}")
        if PROXIES[name].needs_labels and not has_labels:
            raise ValueError(f"batch must be (inputs, labels) for {name}, got labels None")
    return weights
