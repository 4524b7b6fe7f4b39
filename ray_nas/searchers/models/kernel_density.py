"""BOHB's density model (Falkner, Klein & Hutter, 2018): https://arxiv.org/abs/1807.01774, a
subclass of HpBandSter's.

Importing this module imports HpBandSter: `bohb.py` does so when a `BOHB` is made. It is long for
one model since HpBandSter's own interface stays whole: what it has is replaced method by method.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Hyperparameter,
    UniformFloatHyperparameter,
)
from hpbandster.optimizers.config_generators.bohb import BOHB as HpBandSterBOHB  # noqa: N811
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.special import ndtr, ndtri

from ray_nas.spaces.core import parameters
from ray_nas.spaces.core.search_space import Config, SearchSpace

Array = NDArray[np.float64]


class KDEModel(HpBandSterBOHB):  # type: ignore[misc]  # HpBandSter has no types
    """HpBandSter's config generator, made reproducible, fast and complete.

    As there: on the largest budget with enough observations one density is fitted to the best ones
        and one to the rest,
    `num_samples` candidates are drawn around the good ones, and the one with the highest ratio of
    densities is proposed. Other than there: draws come from `rng`; a fit waits until a config is
    asked for; candidates are scored in one pass; ordered values of any kind lie in [0, 1];
    constants take no dimension; of the candidates the best one that forbidden clauses allow is
    taken; failed trials count as bad on every budget and never as good. The bandwidth of a category
    comes from the deviation of its one-hot code, not of its index, which hangs on the order of the
    choices (the same for two of them), and is cut at (c - 1) / c, beyond which the kernel would
    favour the other c - 1 or turn negative.

    Args:
        space: The space.
        rng: Drawn from in place.
        min_points_in_model: Fewest observations for each density, at least the number of dimensions
            + 1 (the default).
        top_n_percent: How many of the observations are good.
        num_samples: Candidates for each proposal.
        random_fraction: Probability of a random config instead.
        bandwidth_factor: Widens the bandwidth that candidates are drawn with (not for categories).
        min_bandwidth: Lower end of the bandwidths.
    """

    def __init__(
        self,
        space: SearchSpace,
        rng: np.random.Generator,
        *,
        min_points_in_model: int | None = None,
        top_n_percent: int = 15,
        num_samples: int = 64,
        random_fraction: float = 1 / 3,
        bandwidth_factor: float = 3.0,
        min_bandwidth: float = 1e-3,
    ) -> None:
        self._space, self._rng = space, rng
        self._free = {
            name: item for name, item in space.config_space.items() if parameters.is_free(item)
        }
        fewest = len(self._free) + 1
        super().__init__(
            _Axes(self._free),
            min_points_in_model=max(fewest, min_points_in_model or 0),
            top_n_percent=top_n_percent,
            num_samples=num_samples,
            random_fraction=random_fraction,
            bandwidth_factor=bandwidth_factor,
            min_bandwidth=min_bandwidth,
        )
        self.losses: dict[float, dict[str, float]] = {}
        """Budget to trial to loss, smaller is better."""
        self.failed: set[str] = set()
        self._vectors: dict[str, Array] = {}
        self._is_fitted = False

    def observe(
        self, trial_id: str, config: Mapping[str, Any], budget: float, loss: float | None
    ) -> None:
        """Adds an observation, or replaces the trial's earlier one on that budget; None is a
        failure, of any budget.
        """
        if trial_id not in self._vectors:
            self._vectors[trial_id] = self._to_vector(config)
        if loss is None:
            self.failed.add(trial_id)
            for losses in self.losses.values():
                losses.pop(trial_id, None)
        else:
            self.failed.discard(trial_id)  # after a restore it may have gone on
            self.losses.setdefault(budget, {})[trial_id] = loss
        self._is_fitted = False

    def refit(self) -> None:
        """Fits the densities again for the next config, even if nothing was observed since the last
        one.

        A fit draws from the generator, so that a search that was restored, whose densities are
        gone, draws as one that went on.
        """
        self._is_fitted = False

    def correct(self, losses: Mapping[str, float]) -> None:
        """Replaces the losses of trials on the largest budget that they have been observed on."""
        for trial_id, loss in losses.items():
            budgets = [budget for budget, known in self.losses.items() if trial_id in known]
            if budgets:
                self.losses[max(budgets)][trial_id] = loss
        self._is_fitted = False

    def new_result(self, job: Any, update_model: bool = True) -> None:
        """HpBandSter's form of `observe`."""
        loss = (
            job.result["loss"]
            if job.result is not None and np.isfinite(job.result["loss"])
            else None
        )
        self.observe(str(job.id), job.kwargs["config"], job.kwargs["budget"], loss)

    def get_config(
        self, budget: float | None = None, is_new: Callable[[Config], bool] = lambda config: True
    ) -> tuple[Config, dict[str, Any]]:
        """The next config and whether it is a `model_based_pick`.

        Args:
            budget: As in HpBandSter it has no influence: the model is that of the largest budget
                with enough observations.
            is_new: Candidates that it refuses are passed over.
        """
        if not self._is_fitted:
            self._fit()
        if self.kde_models and self._rng.random() >= self.random_fraction:
            good, bad = self.kde_models["good"], self.kde_models["bad"]
            points = self._candidates(good)
            for index in np.argsort(bad.log_pdf(points) - good.log_pdf(points), kind="stable"):
                config = self._to_config(points[index])
                if self._space.is_valid(config) and is_new(config):
                    return config, {"model_based_pick": True}
        return self._space.sample(random_state=self._rng), {"model_based_pick": False}

    def impute_conditional_data(self, array: Array) -> Array:
        """Fills in inactive parameters (NaN) with the values of other rows, for all rows at once.

        The first inactive parameter of a row picks a row that has it, whose values stand in for all
        that are inactive in the first; where no row has it, it is drawn at random. All draws come
        from the model's generator.

        Args:
            array: Observations of shape (rows, dimensions).
        """
        filled = array.copy()
        for axis, levels in enumerate(self.vartypes):
            rows = np.flatnonzero(np.isnan(filled[:, axis]))
            donors = np.flatnonzero(np.isfinite(array[:, axis]))
            if len(rows) and len(donors):
                lent = array[donors[self._rng.integers(len(donors), size=len(rows))]]
                filled[rows] = np.where(np.isnan(filled[rows]), lent, filled[rows])
            elif len(rows):
                drawn = (
                    self._rng.integers(levels, size=len(rows))
                    if levels
                    else self._rng.random(len(rows))
                )
                filled[rows, axis] = drawn
        return filled

    def get_state(self) -> dict[str, Any]:
        """All observations as JSON values."""
        return {
            "budgets": [[budget, losses] for budget, losses in self.losses.items()],
            "failed": sorted(self.failed),
        }

    def set_state(self, state: Mapping[str, Any], configs: Mapping[str, Config]) -> None:
        """Takes what `get_state` gave, with the config of each trial."""
        self.losses = {budget: dict(losses) for budget, losses in state["budgets"]}
        self.failed = set(state["failed"])
        trials = self.failed.union(*self.losses.values())
        self._vectors = {trial_id: self._to_vector(configs[trial_id]) for trial_id in trials}
        self._is_fitted = False

    def _fit(self) -> None:
        fewest = self.min_points_in_model
        budget = max(
            (
                b
                for b, losses in self.losses.items()
                if len(losses) >= fewest and len(losses) + len(self.failed) >= 2 * fewest
            ),
            default=-np.inf,
        )
        self.losses = {
            other: losses for other, losses in self.losses.items() if other >= budget
        }  # smaller ones are of no more use
        self.kde_models, self._is_fitted = {}, True
        losses = self.losses.get(budget, {})
        n_all = len(losses) + len(self.failed)
        if self._free and len(losses) >= fewest and n_all >= 2 * fewest:
            ranked = sorted(losses, key=losses.__getitem__) + sorted(self.failed)
            vectors = np.array([self._vectors[trial_id] for trial_id in ranked])
            n_good = min(max(fewest, self.top_n_percent * n_all // 100), len(losses))
            parts = {"good": vectors[:n_good], "bad": vectors[n_good:]}
            self.kde_models = {
                name: self._density(self.impute_conditional_data(part))
                for name, part in parts.items()
            }

    def _density(self, data: Array) -> "Density":
        rows, dimensions = data.shape
        deviations = [
            _deviation(column, levels) for column, levels in zip(data.T, self.vartypes, strict=True)
        ]
        bandwidths = (
            1.06 * np.array(deviations) * rows ** (-1 / (4 + dimensions))
        )  # Scott's normal reference rule
        widest = np.where(self.vartypes > 0, 1 - 1 / np.maximum(self.vartypes, 1), np.inf)
        return Density(data, np.clip(bandwidths, self.min_bandwidth, widest), self.vartypes)

    def _candidates(self, good: "Density") -> Array:
        """Points around good observations, shape (num_samples, dimensions)."""
        centers = good.data[self._rng.integers(len(good.data), size=self.num_samples)]
        uniform, other = self._rng.random((2, *centers.shape))
        spread = self.bw_factor * good.bandwidths
        low, high = ndtr(-centers / spread), ndtr((1 - centers) / spread)
        moved = np.clip(
            centers + spread * ndtri(low + uniform * (high - low)), 0, 1
        )  # a normal cut to [0, 1]
        redrawn = np.where(uniform < 1 - good.bandwidths, centers, np.floor(other * self.vartypes))
        points: Array = np.where(self.vartypes > 0, redrawn, moved)
        return points

    def _to_vector(self, config: Mapping[str, Any]) -> Array:
        """The index of a category, the place in [0, 1] of an ordered value, NaN where a
        parameter is inactive.
        """
        vector = np.full(len(self._free), np.nan)
        for axis, (name, parameter) in enumerate(self._free.items()):
            if name in config:
                code = parameters.code(parameter, config[name], conditional=False)
                vector[axis] = code.index(1.0) if self.vartypes[axis] else code[0]
        return vector

    def _to_config(self, vector: Array) -> Config:
        values: Config = {}
        for (name, parameter), entry in zip(self._free.items(), vector, strict=True):
            listed = parameters.listed_values(parameter)
            if listed is None:
                values[name] = parameters.plain(parameter.to_value(float(entry)))
            elif isinstance(parameter, CategoricalHyperparameter):
                values[name] = listed[int(entry)]
            else:
                places = [
                    parameters.code(parameter, value, conditional=False)[0] for value in listed
                ]
                values[name] = listed[int(np.argmin(np.abs(np.array(places) - entry)))]
        defaults = {
            name: parameters.plain(item.default_value)
            for name, item in self._space.config_space.items()
        }
        return {name: values.get(name, defaults[name]) for name in self._space.active(values)}


@dataclass(frozen=True)
class Density:
    """A product kernel density of mixed variables, as `statsmodels.nonparametric.KDEMultivariate`
    defines it.

    Args:
        data: Observations of shape (rows, dimensions).
        bandwidths: One for each dimension.
        levels: The number of categories of each dimension, 0 for a continuous one.
    """

    data: Array
    bandwidths: Array
    levels: NDArray[np.int64]

    def log_pdf(self, points: Array) -> Array:
        """The logarithm of the density at points of shape (points, dimensions).

        The logarithm of a kernel is linear in the squared distance of features: a Gaussian's in
            that of places divided by
        the bandwidth, Aitchison & Aitken's in that of one-hot codes. So all kernels are one
        distance matrix.
        """
        discrete = self.levels > 0
        widths = self.bandwidths
        at_equal = np.where(
            discrete, np.log1p(-np.where(discrete, widths, 0)), -np.log(widths * np.sqrt(2 * np.pi))
        )
        log_kernel = at_equal.sum() - 0.5 * cdist(
            self._features(points), self._features(self.data), "sqeuclidean"
        )
        largest = log_kernel.max(axis=1)
        density: Array = largest + np.log(np.exp(log_kernel - largest[:, None]).mean(axis=1))
        return density

    def _features(self, points: Array) -> Array:
        columns = []
        for column, width, levels in zip(points.T, self.bandwidths, self.levels, strict=True):
            if levels:
                one_hot = column[:, None] == np.arange(levels)
                columns.append(
                    one_hot * np.sqrt(max(0.0, np.log((1 - width) * (levels - 1) / width)))
                )
            else:
                columns.append(column[:, None] / width)
        return np.hstack(columns)


def _deviation(column: Array, levels: int) -> float:
    """The standard deviation of a column; for a category that of its one-hot code, half the sum
    of the codes' variances.
    """
    if not levels:
        return float(column.std())
    shares = np.bincount(column.astype(np.int64), minlength=levels) / len(column)
    return float(np.sqrt((shares * (1 - shares)).sum() / 2))


class _Axes:
    """What the constructor of HpBandSter asks of a ConfigurationSpace, with every ordered
    parameter as a float in [0, 1].
    """

    def __init__(self, free: Mapping[str, Hyperparameter[Any, Any]]) -> None:
        self._axes = [
            item
            if isinstance(item, CategoricalHyperparameter)
            else UniformFloatHyperparameter(name, 0.0, 1.0)
            for name, item in free.items()
        ]

    def get_hyperparameters(self) -> list[Any]:
        return self._axes
