"""BANANAS (White, Neiswanger & Savani, 2021): https://arxiv.org/abs/1910.11858.

A predictor trained on all trials so far rates candidates, and the one with the highest acquisition
is trained next. As in the paper, candidates are mutations of the best and the predictor sees paths
through a cell, where the space offers them (`SearchSpace.features`). Deviations, each chosen by
measurement: the predictor is a Gaussian process, which knows its uncertainty from five trials on,
in place of an ensemble of networks; the acquisition is expected improvement in place of independent
Thompson sampling; candidates are mutated again where the acquisition is high; before the first
result, larger networks are believed to be better (`prior_mean`), so that nothing is random where
networks can be counted.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from ConfigSpace import ConfigurationSpace

from ray_nas.checks import Limits, check_int
from ray_nas.estimators.arrays import Array
from ray_nas.estimators.blas_threads import one_thread
from ray_nas.estimators.predictors import (
    GaussianProcess,
    Posterior,
    PriorMean,
    final_scores,
    fit_prior_mean,
    log_expected_improvement,
    parameter_count_prior,
    standardize_scores,
)
from ray_nas.searchers.core.candidates import Proposal
from ray_nas.searchers.core.objectives import Costs
from ray_nas.searchers.core.searcher import ArchitectureSearcher, Observation
from ray_nas.spaces.core.search_space import Config, SearchSpace

_PARENTS: Final = 8
"""How many of the best are mutated, trials at first, then candidates."""
_CHILDREN: Final = 12
"""Mutations of each."""
_RANDOM: Final = 32
_SAMPLE: Final = 256
"""How many configs set the scale of the predictor's prior."""
_ROUNDS: Final = 6
_MEMORY: Final = 400
"""How many trials the predictor is conditioned on: the best half, and others evenly over time."""
_FITTED: Final = 150
"""How many its hyperparameters are fitted on."""
_CACHE: Final = 20_000


class Bananas(ArchitectureSearcher):
    """Predictor-guided search: a Gaussian process over the space's features and expected
    improvement.

    Trials in flight count as ending where they are predicted to, so that many at once spread out;
    once they report, and for trials that were stopped early, the last value is carried on to the
    longest trials' end (`final_scores`) and counts with the uncertainty of that. Failed
    trials count as the worst value so far.

    Where the space builds networks, the predictor starts from the belief that more parameters are
    better, learnt from a few networks on the meta device; after a warm start from another task
    (`start_from`), from that task's ranks instead. The results decide how much remains of it, and
    which way it points.

    Args:
        space: As in `ArchitectureSearcher`, like all arguments that are not listed here.
        metric: See there.
        mode: See there.
        initial_trials: How many trials must have values before the predictor decides without a
            belief to start from; those before are random (10 in the paper).
        time_attr: The metric that says how far a trial has come. Trials that do not report it count
            as complete.
        objectives: See there.
        constraints: See there.
        costs: See there.
        points_to_evaluate: See there.
        seed: See there.
        repeats: See there.

    Raises:
        ValueError: An argument breaks a rule; the message names it.
    """

    def __init__(
        self,
        space: SearchSpace | ConfigurationSpace | None = None,
        metric: str | None = None,
        mode: str | None = None,
        *,
        initial_trials: int = 5,
        time_attr: str = "training_iteration",
        objectives: Mapping[str, str] | None = None,
        constraints: Mapping[str, Limits] | None = None,
        costs: Costs | None = None,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        seed: int | None = None,
        repeats: bool = False,
    ) -> None:
        check_int("initial_trials", initial_trials, low=2)
        super().__init__(
            space,
            metric,
            mode,
            objectives=objectives,
            constraints=constraints,
            costs=costs,
            points_to_evaluate=points_to_evaluate,
            seed=seed,
            repeats=repeats,
        )
        self._initial_trials, self._time_attr = initial_trials, time_attr
        self._curves: dict[str, list[tuple[float, float]]] = {}
        """Trial id to its reports (time, score)."""
        self._failed: list[str] = []
        self._predictor: GaussianProcess | None = None
        self._ranks: dict[str, float] = {}
        """Trials of another task, with their ranks."""
        self._fitted_at = 0
        """The number of values at the last fit of the hyperparameters."""
        self._ranked: list[Proposal] | None = None
        """What is left of a decision's candidates, the best last: if one is refused, the next is
        due.
        """
        self._seen: dict[tuple[tuple[str, Any], ...], tuple[str, Array]] = {}
        """Config to its canonical key and features, to save time."""

    # Ask.

    def _begin(self) -> None:
        self._ranked = None

    def _ask(self) -> Proposal:
        if self._ranked is None:
            knows = (
                len(self._curves) >= self._initial_trials
                or self._gaussian_process().prior_mean is not None
            )
            self._ranked = self._decide() if knows else []
        if self._ranked:
            return self._ranked.pop()
        return Proposal(self.space.sample(random_state=self._rng), "random")

    @one_thread
    def _decide(self) -> list[Proposal]:
        """New candidates by expected improvement, the best last."""
        trial_ids, features, values, noise = self._observations()
        silent = [trial_id for trial_id in self._pending if trial_id not in self._curves]
        pending = self._feature_rows(self._proposals[trial_id].config for trial_id in silent)
        posterior = self._fit(features, values, noise).condition(features, values, noise, pending)
        known = posterior.predict(np.concatenate([features, pending]))[0]
        best = float(known.max()) if len(known) else 0.0
        order = np.argsort(-known[: len(trial_ids)], kind="stable")
        parents = [
            Proposal(self._proposals[trial_id].config, "", (trial_id,))
            for trial_id in (trial_ids[index] for index in order[:_PARENTS])
        ]
        rated: dict[str, tuple[float, Proposal]] = {}
        batch = [
            Proposal(self.space.sample(random_state=self._rng), "random") for _ in range(_RANDOM)
        ] + self._mutations(parents)
        top = -math.inf
        for _ in range(_ROUNDS):
            self._rate(batch, posterior, best, rated)
            ranking = sorted(rated.values(), key=lambda pair: -pair[0])[:_PARENTS]
            if not ranking or ranking[0][0] <= top:
                break
            top = ranking[0][0]
            batch = self._mutations([proposal for _, proposal in ranking])
        return [proposal for _, proposal in sorted(rated.values(), key=lambda pair: pair[0])]

    def _mutations(self, parents: Sequence[Proposal]) -> list[Proposal]:
        return [
            Proposal(self.space.mutate(parent.config, self._rng), "mutation", parent.parents)
            for parent in parents
            for _ in range(_CHILDREN)
        ]

    def _rate(
        self,
        batch: Sequence[Proposal],
        posterior: Posterior,
        best: float,
        rated: dict[str, tuple[float, Proposal]],
    ) -> None:
        """Adds what is new in the batch with its acquisition."""
        new: dict[str, Proposal] = {}
        for proposal in batch:
            key, _ = self._look_at(proposal.config)
            if key not in rated and self._candidates.is_new_key(key):
                new.setdefault(key, proposal)
        if new:
            mean, deviation = posterior.predict(
                self._feature_rows(proposal.config for proposal in new.values())
            )
            scores = log_expected_improvement(mean, deviation, best)
            rated.update(
                (key, (float(score), proposal))
                for (key, proposal), score in zip(new.items(), scores, strict=True)
            )

    def _look_at(self, config: Config) -> tuple[str, Array]:
        place = tuple(config.items())
        if place not in self._seen:
            if len(self._seen) >= _CACHE:
                self._seen.clear()
            self._seen[place] = (
                self._candidates.key(config, self.space),
                self.space.features(config),
            )
        return self._seen[place]

    def _feature_rows(self, configs: Iterable[Config]) -> Array:
        rows = [self._look_at(config)[1] for config in configs]
        return (
            np.array(rows)
            if rows
            else np.zeros((0, len(self._gaussian_process().hyperparameters) - 2))
        )

    # The predictor.

    def _observations(self) -> tuple[list[str], Array, Array, Array]:
        """The trials to predict from: their ids, features, stretched scores and the variances of
        those.
        """
        if not self._curves:
            return [], self._feature_rows(()), np.zeros(0), np.zeros(0)
        scores, variances = final_scores(list(self._curves.values()))
        trial_ids = [*self._curves, *self._failed]
        scores = np.concatenate([scores, np.full(len(self._failed), scores.min())])
        variances = np.concatenate([variances, np.zeros(len(self._failed))])
        values, noise = standardize_scores(scores, variances)
        chosen = _representative(values, _MEMORY)
        trial_ids = [trial_ids[index] for index in chosen]
        features = self._feature_rows(self._proposals[trial_id].config for trial_id in trial_ids)
        return trial_ids, features, values[chosen], noise[chosen]

    def _fit(self, features: Array, values: Array, noise: Array) -> GaussianProcess:
        """The predictor, its hyperparameters fitted anew after every twentieth part of new
        values.
        """
        predictor, count = self._gaussian_process(), len(self._curves) + len(self._failed)
        if (
            len(self._curves) >= self._initial_trials
            and count - self._fitted_at > self._fitted_at // 20
        ):
            chosen = _representative(values, _FITTED)
            predictor.fit(features[chosen], values[chosen], noise[chosen])
            self._fitted_at = count
        return predictor

    def _gaussian_process(self) -> GaussianProcess:
        if self._predictor is None:
            rng = np.random.default_rng(
                0
            )  # the prior is the space's own, whatever the searcher's seed
            configs = self.space.sample(size=_SAMPLE, random_state=rng)
            sample = np.array([self.space.features(config) for config in configs])
            self._predictor = GaussianProcess(sample, self._prior_mean(configs, sample))
        return self._predictor

    def _prior_mean(self, configs: Sequence[Config], sample: Array) -> PriorMean | None:
        """What to believe in before the first result: ranks on another task, else the number of
        parameters, if it is known.
        """
        if self._ranks:
            features = self._feature_rows(
                self._proposals[trial_id].config for trial_id in self._ranks
            )
            return fit_prior_mean(features, np.array(list(self._ranks.values())), sample)
        return parameter_count_prior(self.space, configs, sample)

    # Tell.

    def _tell(self, observation: Observation) -> None:
        self._report(observation)

    def _report(self, observation: Observation) -> None:
        if observation.trial_id in self._failed:  # after a restore it has gone on
            self._failed.remove(observation.trial_id)
        curve = self._curves.setdefault(observation.trial_id, [])
        time = observation.metrics.get(self._time_attr)
        if not isinstance(time, int | float | np.number) or not math.isfinite(time):
            time = curve[-1][0] if curve else 0.0
        while curve and curve[-1][0] >= time:  # a retried trial reports its first iterations again
            curve.pop()
        curve.append((float(time), observation.score))

    def _rescore(self, scores: Mapping[str, float]) -> None:
        for trial_id, score in scores.items():
            if trial_id in self._curves:
                self._curves[trial_id][-1] = (self._curves[trial_id][-1][0], score)

    def _fail(self, trial_id: str, proposal: Proposal) -> None:
        self._curves.pop(trial_id, None)
        self._failed.append(trial_id)

    def _transfer(self, observations: Sequence[Observation]) -> None:
        self._ranks.update(
            (observation.trial_id, observation.score) for observation in observations
        )
        self._predictor = None

    # State.

    def _get_state(self) -> dict[str, Any]:
        return {
            "curves": {
                trial_id: [list(point) for point in curve]
                for trial_id, curve in self._curves.items()
            },
            "failed": self._failed,
            "ranks": self._ranks,
            "hyperparameters": self._predictor.hyperparameters if self._predictor else None,
            "fitted_at": self._fitted_at,
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self._curves = {
            trial_id: [(time, score) for time, score in curve]
            for trial_id, curve in state["curves"].items()
        }
        self._failed, self._ranks, self._fitted_at = (
            state["failed"],
            state["ranks"],
            state["fitted_at"],
        )
        self._seen, self._predictor = {}, None
        if state["hyperparameters"] is not None:
            self._gaussian_process().hyperparameters = state["hyperparameters"]


def _representative(values: Array, number: int) -> list[int]:
    """The places of at most `number` values: the best half of them, and the others evenly over
    time.
    """
    if len(values) <= number:
        return list(range(len(values)))
    order = np.argsort(-values, kind="stable")
    others = np.sort(order[number // 2 :])
    spread = others[np.linspace(0, len(others) - 1, number - number // 2).astype(int)]
    return sorted({*map(int, order[: number // 2]), *map(int, spread)})
