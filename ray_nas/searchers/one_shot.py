"""One-shot search (Bender et al., 2018; Guo et al., 2020): https://arxiv.org/abs/1904.00420.

One ordinary Tune experiment in three phases: a trial trains a supernet, trials evaluate batches of
its sub-networks with inherited weights, and trials retrain the best ones from scratch. Any searcher
of the package proposes the sub-networks.
"""

import json
import math
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from ray.tune import Result as TuneResult
from ray.tune.experiment import Trial
from ray.tune.result import DEFAULT_METRIC
from ray.tune.search import Searcher

from ray_nas.checks import check_int
from ray_nas.record.events import Metrics, SupernetEnded, SupernetStarted
from ray_nas.searchers.core.ledger import Result
from ray_nas.searchers.core.phase_trial import Phase, PhaseTrial, rank_retrainings
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.searchers.core.wrapper import SearcherWrapper
from ray_nas.searchers.regularized_evolution import RegularizedEvolution
from ray_nas.spaces.core.search_space import Config
from ray_nas.spaces.model.model_space import ModelSpace
from ray_nas.tune_internals.call_stack import metric_and_mode
from ray_nas.tune_internals.result_keys import reported_numbers
from ray_nas.tune_internals.tune_controller import run_is_over, tune_trials

STRATEGIES: Final = ("spos", "fairnas", "sandwich", "balanced", "enas")
"""Which sub-networks a supernet is trained on; `ray_nas.sharing` implements them."""
_ATTACHED_AS: Final = "OneShot"


class OneShot(SearcherWrapper):
    """Trains a supernet, searches among its sub-networks, and retrains the best.

    The trainable is `ray_nas.sharing.one_shot_trainable`; Tune needs
    `num_samples=search.num_trials`.
    In the record, a sub-network is a trial of its own: its id is the id of the trial that evaluates
    it, a slash and a number.

    Args:
        space: A space with a supernet: a `ModelSpace`.
        metric: "accuracy" or "loss", or another metric that the trainable reports; None for the one
            given to Tune.
        mode: "min" or "max"; None for the one given to Tune.
        searcher: Proposes the sub-networks: any searcher of the package on the same space; None for
            regularized evolution. With `objectives={"calibrated_loss": "min"}` it optimises that
            metric, which ranks sub-networks better than their accuracy does.
        strategy: Which sub-networks the supernet is trained on: "spos" (single path), "fairnas",
            "sandwich", "balanced" (functions instead of configs are drawn uniformly) or "enas"
            (drawn by a controller that learns; its best configs are evaluated after those that
            `start_from` puts first).
        supernet_epochs: Passes over the data for the supernet.
        evaluations: How many sub-networks to evaluate.
        evaluations_per_trial: How many of them one trial evaluates.
        retrain: How many of the best to train from scratch.
        seed: Seed of the supernet and of the retrainings (and of the default searcher).

    Raises:
        TypeError: The space has no supernet, or the searcher is not one of the package.
        ValueError: An argument breaks a rule; the message names it.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> search = OneShot(NASBench201(), "accuracy", "max", evaluations=100, retrain=2)
        >>> search.num_trials
        8
        >>> search.suggest("trial_1")["phase"]
        'supernet'
    """

    passes_trials_through = False

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
                "space must be a ModelSpace, which has a supernet, got "
                f"{type(space).__name__}: a raw ConfigurationSpace does not say how its configs "
                "become networks"
            )
        if strategy not in STRATEGIES:
            raise ValueError(f"strategy must be one of {', '.join(STRATEGIES)}, got {strategy!r}")
        check_int("supernet_epochs", supernet_epochs, low=1)
        check_int("evaluations", evaluations, low=1)
        check_int("evaluations_per_trial", evaluations_per_trial, low=1)
        check_int("retrain", retrain, low=1)
        if searcher is None:
            searcher = RegularizedEvolution(space, metric, mode, seed=seed)
        super().__init__(searcher)
        own_space = searcher.problem.own_space
        if own_space is None or own_space.fingerprint != space.fingerprint:
            raise ValueError(
                f"searcher must be given the same space: it has {own_space!r}, OneShot {space!r}"
            )
        space.supernet()  # raises here, not in a trial, for layers that cannot share weights
        searcher.problem.use_metric(metric, mode)
        self._space = space
        self._own_metric = metric
        self._own_mode = mode
        self._strategy = strategy
        self._supernet_epochs = supernet_epochs
        self._evaluations = evaluations
        self._evaluations_per_trial = evaluations_per_trial
        self._retrain = retrain
        self._seed = int(np.random.default_rng(seed).integers(2**31))
        self._trials: dict[str, PhaseTrial] = {}
        self._weights: str | None = None
        """The supernet's last checkpoint, relative to the experiment's folder."""
        self._inherited: dict[str, Metrics] = {}
        """What sub-networks reach with inherited weights, by their id."""
        self._is_exhausted = False
        """Whether the inner searcher has no more proposals."""
        self._attach()

    @property
    def num_trials(self) -> int:
        """How many trials the search takes: Tune's `num_samples`."""
        return 1 + math.ceil(self._evaluations / self._evaluations_per_trial) + self._retrain

    @property
    def metric(self) -> Any:
        """What ranks retrained networks: its own metric, Tune's, or the inner searcher's."""
        problem = self.inner.problem
        return self._own_metric or (None if problem.has_own_objectives else problem.metric)

    @property
    def mode(self) -> Any:
        """The mode of `metric`, "min" or "max"."""
        problem = self.inner.problem
        return self._own_mode or (None if problem.has_own_objectives else problem.mode)

    def winners(self, results: Iterable[TuneResult]) -> list[TuneResult]:
        """The finished retrainings, best first; the `config` of each is its architecture.

        Their metrics hold `phase`, the metrics after retraining, and those with inherited weights
        as `inherited_accuracy` and so on.

        Args:
            results: What `Tuner.fit` returned.

        Raises:
            ValueError: The metric is not known.
        """
        return rank_retrainings(results, self.metric, self.mode)

    # Tune's calls.

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Adds Tune's metric and mode; `param_space` may hold constants only.

        Raises:
            ValueError: They contradict the searcher's own, or `param_space` has more to search.
        """
        self.inner.set_search_properties(metric, mode, config)
        if self.inner.space is not self._space and (
            self.inner.space is not self.inner.problem.own_space
        ):
            raise ValueError(
                "param_space must hold nothing to search: OneShot searches architectures alone, "
                "in shared weights"
            )
        self._use_metric(metric, mode)
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # Ray's annotation lacks "FINISHED"
        """The next trial's config, None while a phase waits for its last trials, or "FINISHED"."""
        self.inner.prepare()
        self._use_metric(*metric_and_mode())
        if trial_id not in self._trials:
            trial = self._next(trial_id)
            if not isinstance(trial, PhaseTrial):
                return trial
            self._trials[trial_id] = trial
        config: dict[str, Any] = json.loads(json.dumps(self._trials[trial_id].config))
        return config

    def on_trial_result(self, trial_id: str, result: Result) -> None:
        """A trial reported: a supernet's checkpoint, metrics of sub-networks, or an epoch."""
        self.inner.prepare()
        trial = self._trials.get(trial_id)
        if trial is None or trial.ended:
            return
        reports = {
            "supernet": self._supernet_reported,
            "evaluate": self._evaluation_reported,
            "retrain": self._retraining_reported,
        }
        reports[trial.phase](trial_id, trial, result)
        trial.last = reported_numbers(result)

    def on_trial_complete(
        self, trial_id: str, result: Result | None = None, error: bool = False
    ) -> None:
        """A trial ended; sub-networks that it did not evaluate count as failed."""
        trial = self._trials.get(trial_id)
        if trial is None or trial.ended:
            return
        if result:
            self.on_trial_result(trial_id, result)
        trial.ended = True
        ends = {
            "supernet": self._supernet_ended,
            "evaluate": self._evaluation_ended,
            "retrain": self._retraining_ended,
        }
        ends[trial.phase](trial_id, trial, error)

    def check_import(self, *, same_task: bool) -> None:
        """Raises a ValueError for trials of the same task: inherited weights measure less."""
        if same_task:
            raise ValueError(
                "start_from(OneShot(...), same_task=True) is not possible: the earlier trials were "
                "trained, sub-networks are evaluated with inherited weights; leave same_task False"
            )

    # The supernet.

    def _start_supernet(self, trial_id: str) -> PhaseTrial:
        epochs = self._supernet_epochs
        self.inner.ledger.write(SupernetStarted(trial_id, self._strategy, epochs, self._seed))
        config = {
            "phase": "supernet",
            "strategy": self._strategy,
            "epochs": epochs,
            "seed": self._seed,
            "favourites": self._evaluations,
        }
        return PhaseTrial("supernet", config)

    def _supernet_reported(self, trial_id: str, trial: PhaseTrial, result: Result) -> None:
        if "weights" in result:
            self._weights = result["weights"]
            best = [dict(config) for config in json.loads(result.get("favourites", "[]"))]
            self.inner.propose_first(trial_id, best)

    def _supernet_ended(self, trial_id: str, trial: PhaseTrial, error: bool) -> None:
        status, reason = trial.status(self.objectives, error)
        stopped = self.inner.ledger.stops.pop(trial_id)
        self.inner.ledger.write(SupernetEnded(trial_id, status, reason or stopped))

    # Its sub-networks.

    def _start_evaluation(self, trial_id: str) -> PhaseTrial | None:
        """A batch of sub-networks; None if all have been handed out."""
        asked = sum(len(trial.sub_networks) for trial in self._in_phase("evaluate").values())
        configs: dict[str, Config] = {}
        for number in range(min(self._evaluations_per_trial, self._evaluations - asked)):
            if self._is_exhausted:
                break
            name = f"{trial_id}/{number}"
            config = self.inner.suggest(name)
            if not isinstance(config, dict):
                self._is_exhausted = config is not None
                break
            configs[name] = config
        if not configs:
            return None
        # As text: Tune would flatten it, and print each value as a parameter.
        config = {
            "phase": "evaluate",
            "weights": self._weights,
            "sub_networks": json.dumps(configs),
        }
        return PhaseTrial("evaluate", config, tuple(configs))

    def _evaluation_reported(self, trial_id: str, trial: PhaseTrial, result: Result) -> None:
        for name, metrics in json.loads(result.get("sub_networks", "{}")).items():
            if name in self.inner.ledger.pending:
                self._inherited[name] = metrics
                self.inner.on_trial_complete(name, result=metrics)

    def _evaluation_ended(self, trial_id: str, trial: PhaseTrial, error: bool) -> None:
        for name in trial.sub_networks:
            if name in self.inner.ledger.pending:
                self.inner.on_trial_complete(name, error=True)

    # The best of them.

    def _start_retraining(self, trial_id: str) -> PhaseTrial | None:
        """The best sub-network left; None if there is none, or enough are being retrained."""
        trials = self._in_phase("retrain").values()
        taken = [name for trial in trials for name in trial.sub_networks]
        left = [name for name in self.inner.evaluator.rank(self._inherited) if name not in taken]
        if len(taken) == self._retrain or not left:
            return None
        best = left[0]
        architecture = self.inner.ledger.proposals[best].config
        proposal = Proposal(architecture, "retrain", (best,))
        self.inner.ledger.propose(trial_id, proposal, role="retrain")
        config = {
            "phase": "retrain",
            "architecture": architecture,
            "inherited": self._inherited[best],
            "seed": self._seed + len(taken),
        }
        return PhaseTrial("retrain", config, (best,))

    def _retraining_reported(self, trial_id: str, trial: PhaseTrial, result: Result) -> None:
        if reported_numbers(result) != trial.last:  # Tune passes the last one twice
            self.inner.ledger.report(trial_id, result)

    def _retraining_ended(self, trial_id: str, trial: PhaseTrial, error: bool) -> None:
        status, reason = trial.status(self.objectives, error)
        self.inner.ledger.end(trial_id, status, reason)

    # Helpers.

    def _end_cut_off(self) -> None:
        """Ends the trials that Tune has ended without a call, if they reported something."""
        for ended in tune_trials():
            trial = self._trials.get(ended.trial_id)
            if trial is None or trial.ended or not trial.last or trial.phase == "evaluate":
                continue
            if ended.status == Trial.TERMINATED:
                self.inner.ledger.stops.note_cut_off(ended.trial_id)
                self.on_trial_complete(ended.trial_id)

    def _next(self, trial_id: str) -> PhaseTrial | str | None:
        """The next trial, None while a phase waits for its last trials, or "FINISHED"."""
        if not self._trials:
            return self._start_supernet(trial_id)
        supernet = next(iter(self._trials.values()))
        if not supernet.ended:
            return None
        if self._weights is None:
            return str(Searcher.FINISHED)  # the supernet failed: nothing to inherit
        trial = self._start_evaluation(trial_id)
        if trial is not None:
            return trial
        if not all(trial.ended for trial in self._in_phase("evaluate").values()):
            return None
        return self._start_retraining(trial_id) or str(Searcher.FINISHED)

    def _in_phase(self, phase: Phase) -> dict[str, PhaseTrial]:
        return {name: trial for name, trial in self._trials.items() if trial.phase == phase}

    def _use_metric(self, metric: str | None, mode: str | None) -> None:
        """Adds Tune's metric and mode."""
        if metric == DEFAULT_METRIC:
            metric = None
        self._own_metric = self._own_metric or metric
        self._own_mode = self._own_mode or mode

    # State.

    def save(self, checkpoint_path: str) -> None:
        """Writes the inner searcher's state with this one's, and the record beside it."""
        if run_is_over():
            self._end_cut_off()
        super().save(checkpoint_path)

    def _attach(self) -> None:
        self.inner.attach_state(_ATTACHED_AS, self._get_state, self._set_state)

    def _get_state(self) -> dict[str, Any]:
        return {
            "strategy": self._strategy,
            "seed": self._seed,
            "weights": self._weights,
            "trials": {trial_id: trial.to_json() for trial_id, trial in self._trials.items()},
            "inherited": self._inherited,
            "exhausted": self._is_exhausted,
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self._seed = state["seed"]
        self._weights = state["weights"]
        self._is_exhausted = state["exhausted"]
        self._trials = {
            trial_id: PhaseTrial.from_json(fields) for trial_id, fields in state["trials"].items()
        }
        self._inherited = dict(state["inherited"])

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Attached states are not pickled: attaches itself again."""
        self.__dict__.update(state)
        self._attach()
