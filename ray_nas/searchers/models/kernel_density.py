"""BOHB's density model; of HpBandSter's `BOHB` it uses the constructor and its settings.

Falkner, Klein & Hutter, 2018, https://arxiv.org/abs/1807.01774. Importing this module imports
HpBandSter; `ray_nas.searchers.bohb` does so when a `BOHB` is made.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Hyperparameter,
    UniformFloatHyperparameter,
)
from hpbandster.optimizers.config_generators.bohb import BOHB as HpBandSterBOHB  # noqa: N811
from scipy.special import ndtr, ndtri

from ray_nas.searchers.models.density import Array, Density, standard_deviation
from ray_nas.spaces.core import parameters
from ray_nas.spaces.core.search_space import Config, SearchSpace


class KDEModel(HpBandSterBOHB):  # type: ignore[misc]  # HpBandSter has no types
    """HpBandSter's config generator, made reproducible, fast and complete.

    As in HpBandSter, one density is fitted to the best observations and one to the others, on the
    largest budget with enough observations. `num_samples` candidates are drawn around the best
    ones, and the candidate with the highest ratio of the densities is proposed.

    Differences from HpBandSter:

    - All draws come from `rng`: a restored search proposes the same configs.
    - Models are fitted when a config is needed, and candidates are scored in one pass: faster.
    - Ordered values of any kind are in [0, 1], as HpBandSter refuses ordinals. Constants have no
      dimension.
    - The best candidate that forbidden clauses allow is proposed.
    - Failed trials count as bad on every budget and never as good.
    - The bandwidth of a category comes from the standard deviation of its one-hot code, not of its
      index, which depends on the order of the choices (they agree for two choices). It is at most
      (c - 1) / c for c choices: above, the kernel would favour the other choices or turn negative.

    Args:
        space: The search space.
        rng: The generator; it is changed in place.
        min_points_in_model: Smallest number of observations for each density; None for the number
            of dimensions + 1, which is also the least.
        top_n_percent: The percentage of observations that are good.
        num_samples: Candidates per proposal.
        random_fraction: Probability of a random config, in [0, 1].
        bandwidth_factor: Multiplies the bandwidth of candidates, except that of categories.
        min_bandwidth: Smallest bandwidth.

    Example:
        >>> from ray_nas.searchers import BOHB
        >>> from ray_nas.spaces import MLPSpace
        >>> space = MLPSpace(4, 1, max_layers=2)
        >>> model = BOHB(space, "loss", "min", seed=0).model
        >>> model.observe("trial_0", space.sample(random_state=0), budget=1.0, loss=0.5)
        >>> config, is_from_model = model.propose()
        >>> is_from_model  # too few observations
        False
    """

    def __init__(
        self,
        space: SearchSpace,
        rng: np.random.Generator,
        *,
        min_points_in_model: int | None,
        top_n_percent: int,
        num_samples: int,
        random_fraction: float,
        bandwidth_factor: float,
        min_bandwidth: float,
    ) -> None:
        self._space = space
        self._rng = rng
        self._free = {
            name: item for name, item in space.config_space.items() if parameters.is_free(item)
        }
        fewest = len(self._free) + 1
        super().__init__(
            _UnitAxes(self._free),
            min_points_in_model=max(fewest, min_points_in_model or 0),
            top_n_percent=top_n_percent,
            num_samples=num_samples,
            random_fraction=random_fraction,
            bandwidth_factor=bandwidth_factor,
            min_bandwidth=min_bandwidth,
        )
        self.losses: dict[float, dict[str, float]] = {}
        """Budget to trial to loss; lower is better."""
        self.failed: set[str] = set()
        self._vectors: dict[str, Array] = {}
        self._is_fitted = False

    def observe(
        self, trial_id: str, config: Mapping[str, Any], budget: float, loss: float | None
    ) -> None:
        """Adds an observation, or replaces the trial's earlier one on that budget.

        Args:
            trial_id: The trial.
            config: Its config.
            budget: What it has used, e.g. epochs.
            loss: Lower is better; None for a failure, which counts on every budget.
        """
        if trial_id not in self._vectors:
            self._vectors[trial_id] = self._to_vector(config)
        if loss is None:
            self.failed.add(trial_id)
            for losses in self.losses.values():
                losses.pop(trial_id, None)
        else:
            self.failed.discard(trial_id)  # a restored trial may have continued
            self.losses.setdefault(budget, {})[trial_id] = loss
        self._is_fitted = False

    def refit(self) -> None:
        """Fits again for the next config, even without new observations.

        A fit draws from the generator. A restored search has no fitted densities, so an
        uninterrupted one must also fit to draw the same.
        """
        self._is_fitted = False

    def correct(self, losses: Mapping[str, float]) -> None:
        """Replaces the losses of trials, each on the largest budget it was observed on."""
        for trial_id, loss in losses.items():
            budgets = [budget for budget, found in self.losses.items() if trial_id in found]
            if budgets:
                self.losses[max(budgets)][trial_id] = loss
        self._is_fitted = False

    def propose(
        self, is_new: Callable[[Config], bool] = lambda config: True
    ) -> tuple[Config, bool]:
        """The next config, and whether it comes from the model.

        Args:
            is_new: Whether a candidate may be proposed; others are skipped.
        """
        if not self._is_fitted:
            self._fit()
        if self.kde_models and self._rng.random() >= self.random_fraction:
            good = self.kde_models["good"]
            bad = self.kde_models["bad"]
            points = self._candidates(good)
            for index in np.argsort(bad.log_pdf(points) - good.log_pdf(points), kind="stable"):
                config = self._to_config(points[index])
                if self._space.is_valid(config) and is_new(config):
                    return config, True
        return self._space.sample(random_state=self._rng), False

    def impute_conditional_data(self, array: Array) -> Array:
        """Replaces inactive parameters (NaN) by values of other rows.

        A row's first inactive parameter chooses a random row that has it; that row's values replace
        all inactive ones. If no row has it, its value is random.

        Args:
            array: Observations of shape (rows, dimensions).
        """
        filled = array.copy()
        for axis, levels in enumerate(self.vartypes):
            rows = np.flatnonzero(np.isnan(filled[:, axis]))
            donors = np.flatnonzero(np.isfinite(array[:, axis]))
            if not len(rows):
                continue
            if len(donors):
                donated = array[donors[self._rng.integers(len(donors), size=len(rows))]]
                filled[rows] = np.where(np.isnan(filled[rows]), donated, filled[rows])
            elif levels:
                filled[rows, axis] = self._rng.integers(levels, size=len(rows))
            else:
                filled[rows, axis] = self._rng.random(len(rows))
        return filled

    def get_state(self) -> dict[str, Any]:
        """All observations as JSON values."""
        return {
            "budgets": [[budget, losses] for budget, losses in self.losses.items()],
            "failed": sorted(self.failed),
        }

    def set_state(self, state: Mapping[str, Any], configs: Mapping[str, Config]) -> None:
        """Restores a state returned by `get_state`.

        Args:
            state: The state.
            configs: The config of each trial.
        """
        self.losses = {budget: dict(losses) for budget, losses in state["budgets"]}
        self.failed = set(state["failed"])
        trials = self.failed.union(*self.losses.values())
        self._vectors = {trial_id: self._to_vector(configs[trial_id]) for trial_id in trials}
        self._is_fitted = False

    def _fit(self) -> None:
        self.kde_models = {}
        self._is_fitted = True
        usable = [budget for budget, losses in self.losses.items() if self._are_enough(losses)]
        if not usable:
            return
        budget = max(usable)
        # The model never uses smaller budgets again.
        self.losses = {other: losses for other, losses in self.losses.items() if other >= budget}
        losses = self.losses[budget]
        if not self._free:
            return
        ranked = sorted(losses, key=losses.__getitem__) + sorted(self.failed)
        vectors = np.array([self._vectors[trial_id] for trial_id in ranked])
        share = self.top_n_percent * len(ranked) // 100
        n_good = min(max(self.min_points_in_model, share), len(losses))
        self.kde_models = {
            "good": self._density(self.impute_conditional_data(vectors[:n_good])),
            "bad": self._density(self.impute_conditional_data(vectors[n_good:])),
        }

    def _are_enough(self, losses: Mapping[str, float]) -> bool:
        fewest: int = self.min_points_in_model
        return len(losses) >= fewest and len(losses) + len(self.failed) >= 2 * fewest

    def _density(self, data: Array) -> Density:
        rows, dimensions = data.shape
        deviations = [
            standard_deviation(column, levels)
            for column, levels in zip(data.T, self.vartypes, strict=True)
        ]
        # Scott's normal reference rule
        bandwidths = 1.06 * np.array(deviations) * rows ** (-1 / (4 + dimensions))
        widest = np.where(self.vartypes > 0, 1 - 1 / np.maximum(self.vartypes, 1), np.inf)
        return Density(data, np.clip(bandwidths, self.min_bandwidth, widest), self.vartypes)

    def _candidates(self, good: Density) -> Array:
        """Random points around good observations, shape (num_samples, dimensions)."""
        centers = good.data[self._rng.integers(len(good.data), size=self.num_samples)]
        uniform, other = self._rng.random((2, *centers.shape))
        # Ordered values: a normal distribution truncated to [0, 1]
        spread = self.bw_factor * good.bandwidths
        low = ndtr(-centers / spread)
        high = ndtr((1 - centers) / spread)
        moved = np.clip(centers + spread * ndtri(low + uniform * (high - low)), 0, 1)
        # Categories: a uniform draw with the bandwidth's probability
        redrawn = np.where(uniform < 1 - good.bandwidths, centers, np.floor(other * self.vartypes))
        points: Array = np.where(self.vartypes > 0, redrawn, moved)
        return points

    def _to_vector(self, config: Mapping[str, Any]) -> Array:
        """A category's index, an ordered value's place in [0, 1], NaN if inactive."""
        vector = np.full(len(self._free), np.nan)
        for axis, (name, parameter) in enumerate(self._free.items()):
            if name in config:
                code = parameters.code(parameter, config[name], conditional=False)
                vector[axis] = code.index(1.0) if self.vartypes[axis] else code[0]
        return vector

    def _to_config(self, vector: Array) -> Config:
        values = {
            name: _to_value(parameter, float(entry))
            for (name, parameter), entry in zip(self._free.items(), vector, strict=True)
        }
        defaults = {
            name: parameters.plain(item.default_value)
            for name, item in self._space.config_space.items()
        }
        return {name: values.get(name, defaults[name]) for name in self._space.active(values)}


def _to_value(parameter: Hyperparameter[Any, Any], entry: float) -> Any:
    """The value at an entry of a vector; the closest one of a listed parameter."""
    listed = parameters.listed_values(parameter)
    if listed is None:
        return parameters.plain(parameter.to_value(entry))
    if isinstance(parameter, CategoricalHyperparameter):
        return listed[int(entry)]
    places = [parameters.code(parameter, value, conditional=False)[0] for value in listed]
    return listed[int(np.argmin(np.abs(np.array(places) - entry)))]


class _UnitAxes:
    """The part of a ConfigurationSpace that HpBandSter's constructor uses.

    Every ordered parameter is a float in [0, 1].
    """

    def __init__(self, free: Mapping[str, Hyperparameter[Any, Any]]) -> None:
        self._axes = [
            item
            if isinstance(item, CategoricalHyperparameter)
            else UniformFloatHyperparameter(name, 0.0, 1.0)
            for name, item in free.items()
        ]

    def get_hyperparameters(self) -> list[Any]:
        """The axes."""
        return self._axes
