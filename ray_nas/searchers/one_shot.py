"""One-shot search (Bender et al., 2018; Guo et al., 2020): https://arxiv.org/abs/1904.00420.

One ordinary Tune experiment in three phases: a trial trains a supernet, trials evaluate batches of
its sub-networks with inherited weights, which any searcher of the package proposes, and trials
train the best ones from scratch. The file is long since all phases answer the same few calls of
Tune.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
from ray.tune import Result
from ray.tune.experiment import Trial
from ray.tune.result import DEFAULT_METRIC
from ray.tune.search import Searcher

from ray_nas.checks import check_number
from ray_nas.searchers.core.objectives import InfeasibleError, scalars
from ray_nas.searchers.core.scalarization import scores
from ray_nas.searchers.core.searcher import CUT_OFF, ArchitectureSearcher
from ray_nas.searchers.regularized_evolution import RegularizedEvolution
from ray_nas.spaces.core.search_space import Config
from ray_nas.spaces.model.model_space import ModelSpace
from ray_nas.tune_internals.call_stack import metric_and_mode, run_is_over, tune_trials

STRATEGIES: Final = ("spos", "fairnas", "sandwich", "balanced", "enas")
"""How the sub-networks are drawn that a supernet is trained on; `ray_nas.sharing` implements
them.
"""
_COMPANION: Final = "OneShot"
_RETRAIN: Final = {"phase": "retrain"}
"""Marks a retraining's events: the inner searcher, which has not proposed it, passes them over
in a restore.
"""


@dataclass
class _Trial:
    """A trial of the experiment."""

    config: dict[str, Any]
    ended: bool = False
    sub_networks: tuple[str, ...] = ()
    """The ids of those that it evaluates, or of the one that it retrains."""
    last: dict[str, float] = field(default_factory=dict)
    """The figures of its last report."""


class OneShot(Searcher):
    """Trains a supernet, searches among its sub-networks, retrains the best: for
    `sharing.one_shot_trainable`.

    Give Tune `num_samples=search.num_trials`. Sub-networks stand in the experiment's record as
    trials of their own, under the id of the trial that evaluates them, a slash and a number. All
    state is saved with the inner searcher's.

    Args:
        space: A space with a supernet: a `ModelSpace`.
        metric: "accuracy" or "loss", or what else the trainable reports; None takes Tune's.
        mode: "min" or "max"; None takes Tune's.
        searcher: Proposes the sub-networks: any searcher of the package on the same space; None for
            regularised evolution. With `objectives={"calibrated_loss": "min"}` it goes by that,
            which tells more than accuracy does.
        strategy: Which sub-networks the supernet is trained on: "spos" (single path), "fairnas",
            "sandwich", "balanced" (functions instead of configs drawn evenly) or "enas" (drawn by a
            controller that learns; its favourites are evaluated first, after what `start_from` puts
            first).
        supernet_epochs: Passes over the data for the supernet.
        evaluations: How many sub-networks are evaluated.
        evaluations_per_trial: How many of them a trial takes.
        retrain: How many of the best are trained from scratch.
        seed: Of the supernet and of the retraining (and of the searcher, if none is given).

    Raises:
        TypeError: The space has no supernet, or the searcher is none of the package's.
        ValueError: An argument breaks a rule; the message names it.
    """

    CKPT_FILE_TMPL = "searcher-state-{}.json"

    def __init__(
        self,
        space: ModelSpace,
        metric: str | None = None,
        mode: str | None = None,
        *,
        searcher: ArchitectureSearcher | None = None,
        strategy: str = "spos",
        supernet_epochs: int = 50,
        evaluations: int = 200,
        evaluations_per_trial: int = 20,
        retrain: int = 1,
        seed: int | None = None,
    ) -> None:
        if not isinstance(space, ModelSpace):
            raise TypeError(
                f"space must be a ModelSpace, which has a supernet, got {type(space).__name__}: a raw ConfigurationSpace does not say "
                "how its configs become networks"
            )
        if strategy not in STRATEGIES:
            raise ValueError(f"strategy must be one of {', '.join(STRATEGIES)}, got {strategy!r}")
        counts = {
            "supernet_epochs": supernet_epochs,
            "evaluations": evaluations,
            "evaluations_per_trial": evaluations_per_trial,
        }
        for name, value in {**counts, "retrain": retrain}.items():
            check_number(name, value, at_least=1, whole=True)
        inner = (
            RegularizedEvolution(space, metric, mode, seed=seed) if searcher is None else searcher
        )
        if not isinstance(inner, ArchitectureSearcher):
            raise TypeError(f"searcher must be a searcher of ray_nas, got {type(inner).__name__}")
        if inner._own_space is None or inner._own_space.fingerprint != space.fingerprint:
            raise ValueError(
                f"searcher must be given the same space: it has {inner._own_space!r}, OneShot {space!r}"
            )
        space.supernet()  # layers that cannot share weights are an error here, not in a trial
        super().__init__(metric=metric, mode=mode)
        inner._take_metric(metric, mode)
        self._space, self._inner = space, inner
        self._take_metric()
        self._strategy, self._epochs, self._evaluations = strategy, supernet_epochs, evaluations
        self._per_trial, self._retrain = evaluations_per_trial, retrain
        self._seed = int(np.random.default_rng(seed).integers(2**31))
        self._trials: dict[str, _Trial] = {}
        self._weights: str | None = None
        """The supernet's last checkpoint, relative to the experiment's folder."""
        self._inherited: dict[str, dict[str, float]] = {}
        """What sub-networks reach with inherited weights, by their id."""
        self._exhausted = False
        """Whether the inner searcher has no more."""
        self._attach()

    @property
    def num_trials(self) -> int:
        """How many trials all this takes: Tune's `num_samples`."""
        return 1 + math.ceil(self._evaluations / self._per_trial) + self._retrain

    @property
    def objectives(self) -> dict[str, str]:
        """Metric name to "min" or "max" of the inner searcher, as far as they are known yet."""
        return self._inner.objectives

    def winners(self, results: Iterable[Result]) -> list[Result]:
        """The finished retraining trials, best first; the `config` of each is its architecture.

        Their metrics hold `phase`, the figures after retraining, and those with inherited weights
        as `inherited_accuracy` and so on.

        Args:
            results: What `Tuner.fit` returned.

        Raises:
            ValueError: The metric is not known.
        """
        metric, mode = self._metric, self._mode
        if not isinstance(metric, str) or not isinstance(mode, str):
            raise ValueError(
                'OneShot has no metric to rank by: give it one, OneShot(space, metric="accuracy", mode="max", ...)'
            )
        found = []
        for result in results:
            metrics = result.metrics or {}
            if (
                result.error is None
                and metrics.get("phase") == "retrain"
                and math.isfinite(metrics.get(metric, math.nan))
            ):
                found.append(
                    replace(
                        result, metrics={**metrics, "config": metrics["config"]["architecture"]}
                    )
                )
        return sorted(found, key=lambda result: result.metrics[metric], reverse=mode == "max")  # type: ignore[index]

    # Tune's calls.

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Takes metric and mode from Tune; `param_space` may hold constants only.

        Raises:
            ValueError: They contradict the searcher's own, or there is something to search in
                `param_space`.
        """
        self._inner.set_search_properties(metric, mode, config)
        if self._inner.space is not self._space and self._inner.space is not self._inner._own_space:
            raise ValueError(
                "param_space must hold nothing to search: OneShot searches architectures alone, in shared weights"
            )
        self._take_metric(metric, mode)
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # Ray's own annotation leaves "FINISHED" out
        """The next trial's config, None while a phase waits for its last trials, or "FINISHED"."""
        self._inner._ready()
        self._take_metric(*metric_and_mode())
        if trial_id not in self._trials:
            trial = self._next(trial_id)
            if not isinstance(trial, _Trial):
                return trial
            self._trials[trial_id] = trial
        return json.loads(json.dumps(self._trials[trial_id].config))  # type: ignore[no-any-return]

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Takes the supernet's checkpoint, what sub-networks reach, or the progress of a
        retraining.
        """
        self._inner._ready()
        trial = self._trials.get(trial_id)
        if trial is None or trial.ended:
            return
        if trial.config["phase"] == "supernet" and "weights" in result:
            self._weights = result["weights"]
            favourites = [dict(config) for config in json.loads(result.get("favourites", "[]"))]
            others = [
                (source, config)
                for source, config in self._inner._candidates.first
                if source != trial_id
            ]
            self._inner._candidates.first = others + [(trial_id, config) for config in favourites]
        elif trial.config["phase"] == "evaluate":
            for name, figures in json.loads(result.get("sub_networks", "{}")).items():
                self._tell(name, figures)
        elif (
            trial.config["phase"] == "retrain" and scalars(result) != trial.last
        ):  # Tune hands the last one over twice
            self._inner._record.append(
                {"event": "result", "trial": trial_id, **_RETRAIN, "metrics": scalars(result)}
            )
        trial.last = scalars(result)

    def on_trial_complete(
        self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False
    ) -> None:
        """Ends a trial; sub-networks that it did not get to count as failed."""
        trial = self._trials.get(trial_id)
        if trial is None or trial.ended:
            return
        if result:
            self.on_trial_result(trial_id, result)
        trial.ended = True
        if trial.config["phase"] == "evaluate":
            for name in trial.sub_networks:
                if name not in self._inherited:
                    self._inner.on_trial_complete(name, error=True)
            return
        finished = all(
            math.isfinite(trial.last.get(name, math.nan)) for name in self._inner.objectives
        )
        status = "error" if error else "completed" if finished else "infeasible"
        stopped = self._inner._stop_reasons.pop(trial_id, "")
        reason = (
            "the trainable raised an error"
            if error
            else stopped
            if finished
            else "no finite figure was reported"
        )
        if trial.config["phase"] == "retrain":
            self._inner._record.append(
                {"event": "end", "trial": trial_id, **_RETRAIN, "status": status, "reason": reason}
            )
        else:
            self._inner._record.append(
                {"event": "supernet_end", "trial": trial_id, "status": status, "reason": reason}
            )

    def attach_companion(
        self,
        name: str,
        get_state: Callable[[], dict[str, Any]],
        set_state: Callable[[dict[str, Any]], None],
    ) -> None:
        """Saves and restores the state of something else, e.g. of the scheduler, together with
        the searcher's own.
        """
        self._inner.attach_companion(name, get_state, set_state)

    def note_stop(self, trial_id: str, reason: str) -> None:
        """Takes from a scheduler why it stops a trial."""
        self._inner.note_stop(trial_id, reason)

    def save(self, checkpoint_path: str) -> None:
        """Writes the inner searcher's state with this one's, and the record beside it."""
        if run_is_over():
            self._end_cut_off()
        self._inner.save(checkpoint_path)

    def restore(self, checkpoint_path: str) -> None:
        """Goes back to a saved state.

        Raises:
            StateError: The file is damaged, of another searcher, metric, mode or space, or cannot
                be used for another reason.
        """
        self._inner.restore(checkpoint_path)
        self._take_metric()

    def _end_cut_off(self) -> None:
        """Ends trials that Tune has ended without a word; those that have reported nothing stay
        unfinished.
        """
        for cut in tune_trials():
            trial = self._trials.get(cut.trial_id)
            reported = (
                trial is not None
                and not trial.ended
                and trial.last
                and trial.config["phase"] != "evaluate"
            )
            if reported and cut.status == Trial.TERMINATED:
                self.note_stop(cut.trial_id, CUT_OFF)
                self.on_trial_complete(cut.trial_id)

    # The phases.

    def _next(self, trial_id: str) -> _Trial | str | None:
        if not self._trials:
            return self._supernet(trial_id)
        trials = list(self._trials.values())
        if not trials[0].ended:
            return None
        if self._weights is None:
            return str(Searcher.FINISHED)  # the supernet failed: nothing to inherit
        trial = self._evaluation(trial_id)
        if trial is not None:
            return trial
        if not all(trial.ended for trial in trials if trial.config["phase"] == "evaluate"):
            return None
        return self._retraining(trial_id) or str(Searcher.FINISHED)

    def _supernet(self, trial_id: str) -> _Trial:
        config = {
            "phase": "supernet",
            "strategy": self._strategy,
            "epochs": self._epochs,
            "seed": self._seed,
        }
        self._inner._record.append({"event": "supernet", "trial": trial_id, **config})
        return _Trial({**config, "favourites": self._evaluations})

    def _evaluation(self, trial_id: str) -> _Trial | None:
        """A batch of sub-networks; None if all have been handed out."""
        asked = sum(
            len(trial.sub_networks)
            for trial in self._trials.values()
            if trial.config["phase"] == "evaluate"
        )
        configs: dict[str, Config] = {}
        for number in range(
            min(self._per_trial, self._evaluations - asked) if not self._exhausted else 0
        ):
            config = self._inner.suggest(f"{trial_id}/{number}")
            if not isinstance(config, dict):
                self._exhausted = config is not None
                break
            configs[f"{trial_id}/{number}"] = config
        if not configs:
            return None
        # As text: Tune would flatten it, and print each value as a parameter of its own.
        return _Trial(
            {"phase": "evaluate", "weights": self._weights, "sub_networks": json.dumps(configs)},
            sub_networks=tuple(configs),
        )

    def _retraining(self, trial_id: str) -> _Trial | None:
        """The best sub-network that is not being retrained yet; None if there is none, or enough
        are.
        """
        taken = [
            name
            for trial in self._trials.values()
            if trial.config["phase"] == "retrain"
            for name in trial.sub_networks
        ]
        best = [name for name in self._ranked() if name not in taken]
        if len(taken) == self._retrain or not best:
            return None
        architecture = self._inner._proposals[best[0]].config
        self._inner._record.append(
            {
                "event": "proposal",
                "trial": trial_id,
                **_RETRAIN,
                "config": architecture,
                "move": "retrain",
                "parents": [best[0]],
            }
        )
        config = {
            "phase": "retrain",
            "architecture": architecture,
            "inherited": self._inherited[best[0]],
            "seed": self._seed + len(taken),
        }
        return _Trial(config, sub_networks=(best[0],))

    def _ranked(self) -> list[str]:
        """The sub-networks that were evaluated, best first."""
        objectives = self._inner._ready()
        names, values, violations = [], [], []
        for name, figures in self._inherited.items():
            try:
                values.append(objectives.values(figures))
            except InfeasibleError:
                continue
            names.append(name)
            violations.append(objectives.violation(figures)[0])
        if not names:
            return []
        worth = scores(np.array(values, dtype=np.float64), np.array(violations))
        return [names[int(index)] for index in np.argsort(-worth, kind="stable")]

    def _tell(self, name: str, figures: dict[str, float]) -> None:
        if name not in self._inherited:
            self._inherited[name] = figures
            self._inner.on_trial_complete(name, result=figures)

    # State.

    def _attach(self) -> None:
        self._inner.attach_companion(_COMPANION, self._get_state, self._set_state)

    def _get_state(self) -> dict[str, Any]:
        return {
            "strategy": self._strategy,
            "seed": self._seed,
            "weights": self._weights,
            "trials": {trial_id: asdict(trial) for trial_id, trial in self._trials.items()},
            "inherited": self._inherited,
            "exhausted": self._exhausted,
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self._seed, self._weights, self._exhausted = (
            state["seed"],
            state["weights"],
            state["exhausted"],
        )
        self._trials = {
            trial_id: _Trial(**{**fields, "sub_networks": tuple(fields["sub_networks"])})
            for trial_id, fields in state["trials"].items()
        }
        self._inherited = dict(state["inherited"])

    def _take_metric(self, metric: str | None = None, mode: str | None = None) -> None:
        """What the trained networks are ranked by: its own metric, Tune's, or the one that the
        inner searcher has.
        """
        if metric == DEFAULT_METRIC:
            metric = None
        own = self._inner._given_objectives is None
        self._metric = self._metric or metric or (self._inner._metric if own else None)
        self._mode = self._mode or mode or (self._inner._mode if own else None)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Companions are not pickled: they attach themselves again."""
        self.__dict__.update(state)
        self._attach()
