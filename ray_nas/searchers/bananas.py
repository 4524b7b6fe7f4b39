"""BANANAS (White, Neiswanger & Savani, 2021): https://arxiv.org/abs/1910.11858.

A predictor trained on all trials so far rates candidates, and the one with the highest acquisition
is trained next. As in the paper, candidates are mutations of the best and the predictor sees paths
through a cell, where the space offers them (`SearchSpace.features`). Deviations, each chosen by
measurement: the predictor is a Gaussian process, which knows its uncertainty from five trials on,
in place of an ensemble of networks; the acquisition is expected improvement in place of independent
Thompson sampling; candidates are mutated again where the acquisition is high; larger networks are
believed to be better (`prior_mean`) until results say otherwise. Before the first result, the belief
only orders random draws: a first wave on many workers costs what a random one costs. With several
objectives, each has a process of its own, and each decision goes in a random direction through
them, as in ParEGO (`scalar_improvement`).
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from typing_extensions import Unpack

from ray_nas.checks import check_int
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
)
from ray_nas.estimators.predictors.scalar_improvement import ScalarImprovement
from ray_nas.estimators.predictors.score_scale import (
    ScoreScale,
    fit_score_scale,
    standardize_scores,
)
from ray_nas.searchers.core.arguments import SearcherArguments
from ray_nas.searchers.core.evaluation import Observation
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.searchers.core.scalarization import maximin, penalized
from ray_nas.searchers.core.searcher import ArchitectureSearcher, Space
from ray_nas.spaces.core.search_space import Config

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

    With several objectives: a process for each, and expected improvement in a direction that every
        decision draws anew.

    Trials in flight count as ending where they are predicted to, so that many at once spread out;
    once they report, and for trials that were stopped early, the last value is carried on to the
    longest trials' end (`final_scores`) and counts with the uncertainty of that. Failed
    trials count as the worst value so far.

    Where the space builds networks and there is one objective, the predictor starts from the belief
    that more parameters are better, learnt from a few networks on the meta device; after a warm
    start from another task (`start_from`), from that task's ranks instead. The results decide how
    much remains of it, and which way it points. Before the first result, proposals are random
    draws, of every 32 those first that are believed to be the best; only another task's ranks are
    searched right away.

    Args:
        initial_trials: How many trials must have values before the predictor decides without a
            belief to start from; those before are random (10 in the paper).
        time_attr: The metric that says how far a trial has come. Trials that do not report it count
            as complete.

    Raises:
        ValueError: An argument breaks a rule; the message names it.
    """

    needs_score = False

    def __init__(
        self,
        space: Space | None = None,
        metric: str | None = None,
        mode: str | None = None,
        *,
        initial_trials: int = 5,
        time_attr: str = "training_iteration",
        **common: Unpack[SearcherArguments],
    ) -> None:
        check_int("initial_trials", initial_trials, low=2)
        super().__init__(space, metric, mode, **common)
        self._initial_trials, self._time_attr = initial_trials, time_attr
        self._curves: dict[str, list[tuple[float, ...]]] = {}
        """Trial id to its reports: the time, then each objective, to be maximised."""
        self._violations: dict[str, float] = {}
        """Of the trials whose last report breaks limits."""
        self._failed: list[str] = []
        self._models: list[GaussianProcess] | None = None
        self._ranks: dict[str, list[float]] = {}
        """Trials of another task, with their ranks by each objective."""
        self._fitted_at = 0
        """The number of values at the last fit of the hyperparameters."""
        self._ranked: list[Proposal] | None = None
        """What is left of a decision's candidates, the best last: if one is refused, the next is
        due.
        """
        self._drawn: list[Config] = []
        """What is left of the last random draws, the one to be tried next at the end."""
        self._seen: dict[tuple[tuple[str, Any], ...], tuple[str, Array]] = {}
        """Config to its canonical key and features, to save time."""

    # Ask.

    def _before_decision(self) -> None:
        self._ranked = None

    def _ask(self) -> Proposal:
        if self._ranked is None:
            self._ranked = self._decide() if self._knows() else []
        return self._ranked.pop() if self._ranked else self._draw()

    def _knows(self) -> bool:
        """Whether there is enough to predict from: results, fewer if there is a belief to start
        from, or another task's ranks.
        """
        believes = any(predictor.prior_mean is not None for predictor in self._predictors())
        if believes and self._ranks and len(self.objectives) == 1:
            return True
        return len(self._curves) >= (1 if believes else self._initial_trials)

    def _draw(self) -> Proposal:
        """A random config; of every 32, those first that are believed to be better."""
        if not self._drawn:
            configs = self.space.sample(size=_RANDOM, random_state=self._rng)
            rows = self._feature_rows(configs)
            believed = sum(predictor.prior_mean_at(rows) for predictor in self._predictors())
            self._drawn = [configs[index] for index in np.argsort(believed, kind="stable")]
        return self._proposal(self._drawn.pop(), "random")

    @one_thread
    def _decide(self) -> list[Proposal]:
        """New candidates by expected improvement, the best last."""
        trial_ids, acquisition = self._predict()
        order = np.argsort(-acquisition.merits[: len(trial_ids)], kind="stable")
        parents = [
            self._proposal(self.ledger.proposals[trial_id].config, "", (trial_id,))
            for trial_id in (trial_ids[index] for index in order[:_PARENTS])
        ]
        rated: dict[str, tuple[float, Proposal]] = {}
        batch = [self._random_proposal() for _ in range(_RANDOM)] + self._mutations(parents)
        top = -math.inf
        for _ in range(_ROUNDS):
            self._rate(batch, acquisition, rated)
            ranking = sorted(rated.values(), key=lambda pair: -pair[0])[:_PARENTS]
            if not ranking or ranking[0][0] <= top:
                break
            top = ranking[0][0]
            batch = self._mutations([proposal for _, proposal in ranking])
        return [proposal for _, proposal in sorted(rated.values(), key=lambda pair: pair[0])]

    def _mutations(self, parents: Sequence[Proposal]) -> list[Proposal]:
        return [
            self._proposal(self.space.mutate(parent.config, self._rng), "mutation", parent.parents)
            for parent in parents
            for _ in range(_CHILDREN)
        ]

    def _rate(
        self,
        batch: Sequence[Proposal],
        acquisition: "Acquisition",
        rated: dict[str, tuple[float, Proposal]],
    ) -> None:
        """Adds what is new in the batch with its acquisition."""
        new: dict[str, Proposal] = {}
        for proposal in batch:
            if proposal.key not in rated and self._is_new(proposal):
                new.setdefault(proposal.key, proposal)
        if new:
            scores = acquisition(self._feature_rows(proposal.config for proposal in new.values()))
            rated.update(
                (key, (float(score), proposal))
                for (key, proposal), score in zip(new.items(), scores, strict=True)
            )

    def _proposal(self, config: Config, move: str, parents: tuple[str, ...] = ()) -> Proposal:
        return Proposal(config, move, parents, self._look_at(config)[0])

    def _look_at(self, config: Config) -> tuple[str, Array]:
        place = tuple(config.items())
        if place not in self._seen:
            if len(self._seen) >= _CACHE:
                self._seen.clear()
            self._seen[place] = self.problem.duplicate_key(config), self._features(config)
        return self._seen[place]

    def _features(self, config: Config) -> Array:
        """What the predictor sees: with several objectives the code too, since equal functions
        may differ in cost.
        """
        features = self.space.features(config)
        return (
            features
            if len(self.objectives) == 1
            else np.concatenate([features, self.space.encode(config)])
        )

    def _feature_rows(self, configs: Iterable[Config]) -> Array:
        rows = [self._look_at(config)[1] for config in configs]
        return (
            np.array(rows)
            if rows
            else np.zeros((0, len(self._predictors()[0].hyperparameters) - 2))
        )

    # The predictors, one for each objective.

    def _predict(self) -> tuple[list[str], "Acquisition"]:
        """The trials that are predicted from, and how much is expected of candidates."""
        trial_ids, features, standardized = self._observations()
        silent = [trial_id for trial_id in self.ledger.pending if trial_id not in self._curves]
        pending = self._feature_rows(self.ledger.proposals[trial_id].config for trial_id in silent)
        self._fit(features, standardized)
        posteriors = [
            predictor.condition(features, values, noise, pending)
            for predictor, (values, noise, _) in zip(self._predictors(), standardized, strict=True)
        ]
        known = np.concatenate([features, pending])
        if len(posteriors) == 1:
            return trial_ids, Improvement(posteriors[0], known)
        return trial_ids, ScalarImprovement(
            posteriors, [scale for _, _, scale in standardized], known, self._rng
        )

    def _observations(self) -> tuple[list[str], Array, list[tuple[Array, Array, ScoreScale]]]:
        """The trials to predict from: their ids, features, and for each objective its standardized
        values and their variances.
        """
        if not self._curves:
            nothing = np.zeros(0), np.zeros(0), fit_score_scale(np.zeros(1), np.zeros(1))
            return [], self._feature_rows(()), [nothing for _ in self.objectives]
        trial_ids = [*self._curves, *self._failed]
        violations = np.array([self._violations.get(trial_id, 0.0) for trial_id in self._curves])
        standardized = []
        for index in range(len(self.objectives)):
            scores, variances = final_scores(
                [
                    [(report[0], report[1 + index]) for report in curve]
                    for curve in self._curves.values()
                ]
            )
            scores = penalized(scores, violations)
            scores = np.concatenate([scores, np.full(len(self._failed), scores.min())])
            variances = np.concatenate([variances, np.zeros(len(self._failed))])
            standardized.append(
                (*standardize_scores(scores, variances), fit_score_scale(scores, variances))
            )
        merits = (
            standardized[0][0]
            if len(standardized) == 1
            else maximin(np.stack([values for values, _, _ in standardized], axis=1))
        )
        chosen = _representative(merits, _MEMORY)
        trial_ids = [trial_ids[index] for index in chosen]
        features = self._feature_rows(
            self.ledger.proposals[trial_id].config for trial_id in trial_ids
        )
        return (
            trial_ids,
            features,
            [(values[chosen], noise[chosen], scale) for values, noise, scale in standardized],
        )

    def _fit(
        self, features: Array, standardized: Sequence[tuple[Array, Array, ScoreScale]]
    ) -> None:
        """Fits the predictors' hyperparameters anew after every twentieth part of new values."""
        count = len(self._curves) + len(self._failed)
        if (
            len(self._curves) >= self._initial_trials
            and count - self._fitted_at > self._fitted_at // 20
        ):
            for predictor, (values, noise, _) in zip(self._predictors(), standardized, strict=True):
                chosen = _representative(values, _FITTED)
                predictor.fit(features[chosen], values[chosen], noise[chosen])
            self._fitted_at = count

    def _predictors(self) -> list[GaussianProcess]:
        if self._models is None:
            rng = np.random.default_rng(
                0
            )  # the prior is the space's own, whatever the searcher's seed
            configs = self.space.sample(size=_SAMPLE, random_state=rng)
            sample = np.array([self._features(config) for config in configs])
            self._models = [
                GaussianProcess(sample, self._prior_mean(configs, sample, index))
                for index in range(len(self.objectives))
            ]
        return self._models

    def _prior_mean(
        self, configs: Sequence[Config], sample: Array, objective: int
    ) -> PriorMean | None:
        """What to believe of an objective before the first result: ranks on another task, else,
        if it is the only one, size.
        """
        if self._ranks:
            features = self._feature_rows(
                self.ledger.proposals[trial_id].config for trial_id in self._ranks
            )
            return fit_prior_mean(
                features, np.array([ranks[objective] for ranks in self._ranks.values()]), sample
            )
        return (
            parameter_count_prior(self.space, configs, sample)
            if len(self.objectives) == 1
            else None
        )

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
        curve.append((float(time), *observation.values))
        self._violations.pop(observation.trial_id, None)
        if observation.violation:
            self._violations[observation.trial_id] = observation.violation

    def _fail(self, trial_id: str) -> None:
        self._curves.pop(trial_id, None)
        self._violations.pop(trial_id, None)
        self._failed.append(trial_id)

    def _transfer(self, observations: Sequence[Observation]) -> None:
        count = len(self.objectives)
        for (
            observation
        ) in observations:  # by the mean rank where the other task has not as many objectives
            values = (
                observation.values
                if len(observation.values) == count
                else [observation.score] * count
            )
            self._ranks[observation.trial_id] = list(values)
        self._models = None

    # State.

    def _get_state(self) -> dict[str, Any]:
        return {
            "curves": {
                trial_id: [list(point) for point in curve]
                for trial_id, curve in self._curves.items()
            },
            "failed": self._failed,
            "drawn": self._drawn,
            "ranks": self._ranks,
            "violations": self._violations,
            "hyperparameters": [
                value for model in self._models or () for value in model.hyperparameters
            ],
            "fitted_at": self._fitted_at,
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self._curves = {
            trial_id: [tuple(report) for report in curve]
            for trial_id, curve in state["curves"].items()
        }
        self._violations, self._failed, self._ranks = (
            state["violations"],
            state["failed"],
            state["ranks"],
        )
        self._fitted_at, self._drawn, self._seen, self._models = (
            state["fitted_at"],
            state["drawn"],
            {},
            None,
        )
        if state["hyperparameters"]:
            for model, part in zip(
                self._predictors(),
                np.split(np.array(state["hyperparameters"]), len(self.objectives)),
                strict=True,
            ):
                model.hyperparameters = part.tolist()


class Improvement:
    """The logarithm of the expected improvement of one objective.

    Args:
        posterior: Of its values.
        known: Features of the trials that have values and of those in flight, shape (trials,
            features).
    """

    def __init__(self, posterior: Posterior, known: Array) -> None:
        self._posterior = posterior
        self.merits = posterior.predict(known)[0]
        """What is expected of each known trial."""
        self._best = float(self.merits.max()) if len(known) else 0.0

    def __call__(self, features: Array) -> Array:
        """It, at each row of `features`; shape (rows,)."""
        return log_expected_improvement(*self._posterior.predict(features), self._best)


Acquisition = Improvement | ScalarImprovement


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
