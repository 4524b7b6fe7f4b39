"""Predicts the objectives of architectures: a Gaussian process for each, over the space's features.

With several objectives the features include the config's code, since configs that compute the same
function may differ in latency and memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from scipy.special import ndtri

from ray_nas.estimators.arrays import Array
from ray_nas.estimators.predictors import (
    GaussianProcess,
    PriorMean,
    fit_prior_mean,
    parameter_count_prior,
)
from ray_nas.estimators.predictors.acquisition import Acquisition, ExpectedImprovement
from ray_nas.estimators.predictors.gaussian_process import Posterior
from ray_nas.estimators.predictors.scalar_improvement import ScalarImprovement
from ray_nas.estimators.predictors.score_scale import ScoreScale
from ray_nas.searchers.core.ledger import TrialLedger
from ray_nas.searchers.core.problem import SearchProblem
from ray_nas.searchers.models.trial_results import Targets, TrialResults, merits, representative
from ray_nas.spaces.core.search_space import Config

_SAMPLE_SIZE: Final = 256
"""Configs that set the scale of the prior."""
_MAX_CONDITIONED: Final = 400
"""Trials that the processes are conditioned on."""
_MAX_FITTED: Final = 150
"""Trials that the hyperparameters are fitted on."""
_CACHE_SIZE: Final = 20_000
"""Configs whose key and features are cached."""

_Scores: TypeAlias = tuple[list[Config], list[float]]
"""Configs, and the rank of each by its score."""


class ArchitecturePredictor:
    """A Gaussian process for each objective of a search.

    Where the space builds networks and there is one objective, the prior mean grows with the
    number of parameters. Ranks on another task replace it (`use_ranks`).

    Args:
        problem: The space and the objectives; they may become known later.
        ledger: The configs of the trials.
        min_trials: Trials with values before hyperparameters are fitted.
    """

    def __init__(self, problem: SearchProblem, ledger: TrialLedger, min_trials: int) -> None:
        self._problem = problem
        self._ledger = ledger
        self._min_trials = min_trials
        self._processes: list[GaussianProcess] | None = None
        self._ranks: dict[str, list[float]] = {}
        """Ranks of another task's trials by each objective."""
        self._scores: _Scores | None = None
        """Configs with the rank of each by a score that is known before the first trial."""
        self._fitted_at = 0
        """The number of ended trials at the last fit of the hyperparameters."""
        self._forecast: list[tuple[Posterior, ScoreScale]] | None = None
        """For each objective, what the last decision was based on."""
        self._cache: dict[tuple[tuple[str, Any], ...], tuple[str, Array]] = {}
        """Config to its duplicate key and features."""

    # Configs.

    def duplicate_key(self, config: Config) -> str:
        """Equal for configs that count as duplicates of each other."""
        return self._key_and_features(config)[0]

    def features(self, configs: Iterable[Config]) -> Array:
        """The features of configs, shape (configs, features)."""
        rows = [self._key_and_features(config)[1] for config in configs]
        if rows:
            return np.array(rows)
        return np.zeros((0, len(self.processes[0].hyperparameters) - 2))

    def _key_and_features(self, config: Config) -> tuple[str, Array]:
        items = tuple(config.items())
        if items not in self._cache:
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            self._cache[items] = (self._problem.duplicate_key(config), self._features_of(config))
        return self._cache[items]

    def _features_of(self, config: Config) -> Array:
        space = self._problem.space
        features = space.features(config)
        if len(self._problem.directions) == 1:
            return features
        return np.concatenate([features, space.encode(config)])

    def _trial_features(self, trial_ids: Iterable[str]) -> Array:
        return self.features(self._ledger.proposals[trial_id].config for trial_id in trial_ids)

    # Prior.

    @property
    def has_prior(self) -> bool:
        """Whether something is known before the first result."""
        return any(process.prior_mean is not None for process in self.processes)

    @property
    def has_transferred_prior(self) -> bool:
        """Whether ranks on another task predict the only objective."""
        return self.has_prior and bool(self._ranks) and len(self._problem.directions) == 1

    def prior_scores(self, configs: Iterable[Config]) -> Array:
        """The prior mean of configs, summed over the objectives, shape (configs,)."""
        rows = self.features(configs)
        total: Array = np.sum([process.prior_mean_at(rows) for process in self.processes], axis=0)
        return total

    def use_ranks(self, ranks: Mapping[str, Sequence[float]]) -> None:
        """Bases the prior mean on another task.

        Args:
            ranks: Trial id of an imported trial to its ranks in [0, 1], one for each objective.
        """
        self._ranks.update({trial_id: list(values) for trial_id, values in ranks.items()})
        self._processes = None

    def use_scores(self, configs: Sequence[Config], ranks: Sequence[float]) -> None:
        """Bases the prior mean on scores that are known before the first trial.

        Args:
            configs: What was scored.
            ranks: The rank of each by its score, in [0, 1]; 1 is best.
        """
        self._scores = (list(configs), list(ranks))
        self._processes = None

    def drop_scores(self) -> None:
        """Goes back to the prior mean without scores."""
        self._processes = self._without_scores()
        self._scores = None

    @property
    def processes(self) -> list[GaussianProcess]:
        """One process for each objective; built when the space is known."""
        if self._processes is None:
            self._processes = self._build(self._scores)
        return self._processes

    def _build(self, scores: _Scores | None) -> list[GaussianProcess]:
        # The prior depends on the space and the scores, not on the searcher's seed
        rng = np.random.default_rng(0)
        configs = self._problem.space.sample(size=_SAMPLE_SIZE, random_state=rng)
        sample = np.array([self._features_of(config) for config in configs])
        return [
            GaussianProcess(sample, self._prior_mean(configs, sample, objective, scores))
            for objective in range(len(self._problem.directions))
        ]

    def _without_scores(self) -> list[GaussianProcess]:
        """The same processes with the prior mean that they have without scores."""
        if self._scores is None:
            return self.processes
        plain = self._build(None)
        for process, fitted in zip(plain, self.processes, strict=True):
            process.hyperparameters = fitted.hyperparameters
        return plain

    def _prior_mean(
        self, configs: Sequence[Config], sample: Array, objective: int, scores: _Scores | None
    ) -> PriorMean | None:
        if self._ranks:
            ranks = np.array([values[objective] for values in self._ranks.values()])
            return fit_prior_mean(self._trial_features(self._ranks), ranks, sample)
        if len(self._problem.directions) > 1:
            return None
        if scores is not None:
            return fit_prior_mean(self.features(scores[0]), _normal(scores[1]), sample)
        return parameter_count_prior(self._problem.space, configs, sample)

    # Posterior.

    def acquisition(
        self,
        results: TrialResults,
        pending: Sequence[str],
        rng: np.random.Generator,
        *,
        ignore_scores: bool = False,
    ) -> tuple[list[str], Acquisition]:
        """Fits the processes to the results, and returns what candidates promise.

        Args:
            results: The trials' results.
            pending: Trials without a report; they count as ending where they are predicted to.
            rng: Draws the direction through several objectives.
            ignore_scores: Whether to predict as without `use_scores`.

        Returns:
            The trials it is based on, in the order of the acquisition's first merits, and the
            acquisition.
        """
        # Choose the trials
        targets = [results.targets(objective) for objective in range(len(self.processes))]
        chosen = representative(merits(targets), _MAX_CONDITIONED) if results.curves else []
        trial_ids = [results.trial_ids[index] for index in chosen]
        features = self._trial_features(trial_ids)
        targets = [target.select(chosen) for target in targets]
        pending_features = self._trial_features(pending)
        # Fit and condition the processes
        self._fit(results, features, targets)
        processes = self._without_scores() if ignore_scores else self.processes
        posteriors = [
            process.condition(features, target.values, target.variances, pending_features)
            for process, target in zip(processes, targets, strict=True)
        ]
        self._forecast = [
            (posterior, target.scale) for posterior, target in zip(posteriors, targets, strict=True)
        ]
        # Compare with the best known trial, pending ones included
        known = np.concatenate([features, pending_features])
        if len(posteriors) == 1:
            return trial_ids, ExpectedImprovement(posteriors[0], known)
        scales = [target.scale for target in targets]
        return trial_ids, ScalarImprovement(posteriors, scales, known, rng)

    def forget_forecast(self) -> None:
        """Called before a decision: it may be made without a prediction."""
        self._forecast = None

    def forecast(self, config: Config) -> dict[str, list[float]] | None:
        """What the last decision was based on, for one config; None if it was on no prediction.

        Returns:
            Metric name to its mean, and one standard deviation below and above it.
        """
        if self._forecast is None:
            return None
        row = self.features([config])
        found = {}
        directions = self._problem.directions.items()
        for (name, mode), (posterior, scale) in zip(directions, self._forecast, strict=True):
            mean, deviation = posterior.predict(row)
            steps = np.array([0.0, -1.0, 1.0])
            values = scale.invert(mean[0] + deviation[0] * steps)
            mean_value, *ends = (values if mode == "max" else -values).tolist()
            found[name] = [mean_value, *sorted(ends)]
        return found

    def _fit(self, results: TrialResults, features: Array, targets: Sequence[Targets]) -> None:
        """Fits the hyperparameters anew whenever the number of trials has grown by 5 %."""
        count = len(results.trial_ids)
        has_grown = count - self._fitted_at > self._fitted_at // 20
        if len(results.curves) < self._min_trials or not has_grown:
            return
        for process, target in zip(self.processes, targets, strict=True):
            chosen = representative(target.values, _MAX_FITTED)
            part = target.select(chosen)
            process.fit(features[chosen], part.values, part.variances)
        self._fitted_at = count

    # State.

    def get_state(self) -> dict[str, Any]:
        """The hyperparameters and the other task's ranks, as JSON values."""
        processes = self._processes or ()
        return {
            "ranks": self._ranks,
            "hyperparameters": [value for each in processes for value in each.hyperparameters],
            "fitted_at": self._fitted_at,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restores a state returned by `get_state`."""
        self._ranks = state["ranks"]
        self._fitted_at = state["fitted_at"]
        self._cache = {}
        self._processes = None
        if state["hyperparameters"]:
            parts = np.split(np.array(state["hyperparameters"]), len(self._problem.directions))
            for process, part in zip(self.processes, parts, strict=True):
                process.hyperparameters = part.tolist()


def _normal(ranks: Sequence[float]) -> Array:
    """Ranks in [0, 1] as quantiles of a normal distribution, which a line predicts better."""
    count = len(ranks)
    quantiles: Array = ndtri((np.array(ranks) * (count - 1) + 0.5) / count)
    return quantiles
