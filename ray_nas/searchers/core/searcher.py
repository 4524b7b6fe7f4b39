"""`ArchitectureSearcher`: turns Tune's calls into ask and tell; the bookkeeping that every
strategy shares.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from ConfigSpace import ConfigurationSpace
from ray.tune.experiment import Trial
from ray.tune.result import DEFAULT_METRIC
from ray.tune.search import Searcher
from ray.tune.utils import flatten_dict

from ray_nas.checks import Limits, checked_limits
from ray_nas.record import VERSION as RECORD_VERSION
from ray_nas.record import Event, RecordWriter
from ray_nas.searchers.core.candidates import Candidates, Proposal
from ray_nas.searchers.core.memory_limit import MemoryLimit, is_out_of_memory
from ray_nas.searchers.core.objectives import (
    Costs,
    InfeasibleError,
    Objectives,
    RememberedCosts,
    check_arguments,
    scalars,
)
from ray_nas.searchers.core.scalarization import Scores
from ray_nas.spaces.core.joint_space import joint_space
from ray_nas.spaces.core.search_space import Config, SearchSpace
from ray_nas.state import state_file
from ray_nas.state.attached_state import Companions
from ray_nas.state.incremental_state import GrowingState
from ray_nas.tune_internals.call_stack import (
    metric_and_mode,
    run_is_over,
    saved_param_space,
    trial_error,
    tune_trials,
)

CUT_OFF: Final = "cut off by the experiment's end"


@dataclass(frozen=True)
class Observation:
    """A trial's outcome, for the strategy to learn from."""

    trial_id: str
    proposal: Proposal
    values: tuple[float, ...]
    """The objectives, all to be maximised."""
    metrics: Mapping[str, Any]
    """The trial's flat result."""
    score: float
    """To be maximised: the objective, or where there are several, or limits on what is reported,
    one figure for them all.
    """
    violation: float = 0.0
    """By how much reported metrics break their limits, 0 if they keep them; the score says so
    too.
    """


class ArchitectureSearcher(Searcher):
    """A Tune searcher over architectures. A strategy implements `_ask`, `_tell` and its state.

    Args:
        space: A `SearchSpace` or a raw `ConfigurationSpace`. None if the space stands in Tune's
            `param_space`.
        metric: The metric to optimise; None takes Tune's.
        mode: "min" or "max"; None takes Tune's.
        objectives: Metric name to "min" or "max"; replaces `metric` and `mode`.
        constraints: Name of a cost or of a reported metric to (low, high), None for no limit.
        costs: Called with a trial's config, gives figures that are known before training, by name.
        points_to_evaluate: Configs to try first, as trials' configs would hold them.
        seed: Seed of the searcher's generator. The same seed and order of events give the same
            proposals.
        repeats: Whether configs are proposed again once nothing new is left (for noisy objectives).

    Raises:
        ValueError: An argument breaks a rule; the message names it.
    """

    CKPT_FILE_TMPL = "searcher-state-{}.json"
    many_objectives: ClassVar[bool] = False
    """Whether the strategy weighs values and violations itself, instead of scores."""

    def __init__(
        self,
        space: SearchSpace | ConfigurationSpace | None = None,
        metric: str | None = None,
        mode: str | None = None,
        *,
        objectives: Mapping[str, str] | None = None,
        constraints: Mapping[str, Limits] | None = None,
        costs: Costs | None = None,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        seed: int | None = None,
        repeats: bool = False,
    ) -> None:
        check_arguments(metric, mode, objectives)
        super().__init__()
        if isinstance(space, ConfigurationSpace):
            space = SearchSpace(space)
        if space is not None and not isinstance(space, SearchSpace):
            raise TypeError(
                f"space must be a SearchSpace or a ConfigSpace.ConfigurationSpace, got {type(space).__name__}"
            )
        if space is not None and (not len(space.config_space) or space.size == 0):
            raise ValueError("space has no parameters: there is nothing to search")
        self._own_space = space
        self._space: SearchSpace | None = space
        self._metric: Any = metric if objectives is None else list(objectives)
        self._mode: Any = mode if objectives is None else list(objectives.values())
        self._given_objectives = dict(objectives) if objectives is not None else None
        self._constraints, self._costs = (
            checked_limits(constraints),
            RememberedCosts(costs) if costs is not None else None,
        )
        self._seed = seed
        self._rng = np.random.default_rng(seed)
        self._objectives: Objectives | None = None
        self._scores: Scores | None = None
        """Where a trial's score is more than its objective."""
        self._cost_names: frozenset[str] | None = None
        """The figures that `costs` gives, once known."""
        self._memory = MemoryLimit(self._costs)
        self._growing = GrowingState()
        self._record = RecordWriter()
        self._proposals: dict[str, Proposal] = {}
        self._pending: dict[str, Mapping[str, Any]] = {}
        """Trials that have not ended, with their last result."""
        self._failed_before: set[str] = set()
        """Trials that had ended with an error at the last restore: Tune tries them again with
        `resume_errored`.
        """
        self._restarted: dict[str, str] = {}
        """Ids that Tune gave second runs of failed trials, with `restart_errored`; and the ids
        these were proposed under.
        """
        self._strangers: set[str] = set()
        """Ids of trials that are none of this searcher's."""
        self._candidates = Candidates(
            points_to_evaluate or (), repeats, by_function=len(objectives or ()) < 2
        )
        self._companions = Companions()
        self._refused: state_file.StateError | None = None
        """Why the last restore failed."""
        self._at_start: list[Callable[[ArchitectureSearcher], None]] = []
        """What is to be done once space and objectives are known."""
        self._stop_reasons: dict[str, str] = {}
        if space is not None:
            self._candidates.check_points(space)

    # What a strategy implements.

    def _ask(self) -> Proposal | None:
        """The next candidate, None if the strategy has no more. Known and infeasible ones are
        dropped by the base.
        """
        raise NotImplementedError

    def _begin(self) -> None:
        """Called before each decision, for which `_ask` may be called several times."""

    def _tell(self, observation: Observation) -> None:
        """Learns from a trial that ended with finite values; where they break limits, the score or
        the violation says so.

        As with `_report`, it may be one that had failed before a restore.
        """

    def _report(self, observation: Observation) -> None:
        """Learns from a report of a trial that goes on."""

    def _rescore(self, scores: Mapping[str, float]) -> None:
        """Takes new scores of earlier trials, by trial id, where a later one changed what they
        are worth.
        """

    def _fail(self, trial_id: str, proposal: Proposal) -> None:
        """Learns that a trial ended without usable values."""

    def _transfer(self, observations: Sequence[Observation]) -> None:
        """Learns from trials of another task on the same space, whose values are ranks from 0
        (worst) to 1.
        """

    def _get_state(self) -> dict[str, Any]:
        """The strategy's own state as JSON values."""
        return {}

    def _set_state(self, state: dict[str, Any]) -> None:
        """Takes what `_get_state` gave."""

    # Tune's calls.

    @property
    def objectives(self) -> dict[str, str]:
        """Metric name to "min" or "max", as far as they are known yet."""
        if self._given_objectives is not None:
            return dict(self._given_objectives)
        return {self._metric: self._mode or "max"} if isinstance(self._metric, str) else {}

    @property
    def space(self) -> SearchSpace:
        """All that is searched: the searcher's space together with what `param_space` adds."""
        if self._space is None:
            raise ValueError(
                f"{type(self).__name__} has no space: give it one, {type(self).__name__}(space), or put one into Tune's "
                'param_space, e.g. param_space={"arch": space}'
            )
        return self._space

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Takes metric, mode and `param_space` from Tune.

        Raises:
            ValueError: They contradict the searcher's own, or hold what cannot be searched.
        """
        self._take_metric(metric, mode)
        if self._proposals:
            return True
        self._space = joint_space(self._own_space, config)
        self._ready()
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # Ray's own annotation leaves "FINISHED" out
        """The next trial's config, or "FINISHED" if nothing new is left."""
        objectives = self._ready()
        if trial_id not in self._proposals:
            self._begin()
            proposal = self._candidates.next(
                self.space, objectives, self._memory, self._ask, self._rng
            )
            if proposal is None:
                return str(Searcher.FINISHED)
            self._add(trial_id, proposal)
            self._record.append(
                {
                    "event": "proposal",
                    "trial": trial_id,
                    "config": proposal.config,
                    "move": proposal.move,
                    "parents": list(proposal.parents),
                }
            )
        return self.space.to_tune(self._proposals[trial_id].config)

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Notes a report; an unknown or ended trial is ignored."""
        objectives, trial_id = self._ready(), self._proposed_id(trial_id)
        if trial_id in self._failed_before:
            self._resume(trial_id)
        if trial_id not in self._pending:
            return
        self._note_result(trial_id, result, scalars(result), final=trial_id in self._stop_reasons)
        try:
            values, (violation, _) = objectives.values(result), objectives.violation(result)
        except InfeasibleError:
            return
        score = self._scores.preview(values, violation) if self._scores else values[0]
        self._report(
            Observation(trial_id, self._proposals[trial_id], values, result, score, violation)
        )

    def on_trial_complete(
        self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False
    ) -> None:
        """Ends a trial: its last result counts where none comes along; each trial is counted
        once.
        """
        self._ready()
        trial_id = self._proposed_id(trial_id)
        if trial_id in self._failed_before and result and not error:
            self._resume(trial_id)
        if trial_id not in self._pending:
            return
        metrics = scalars(result or {})
        if result and metrics != scalars(
            self._pending[trial_id]
        ):  # else Tune hands over once more what was reported
            self._note_result(trial_id, result, metrics, final=True)
        last, proposal = self._pending[trial_id], self._proposals[trial_id]
        died = error and is_out_of_memory(trial_error())
        size = (
            self._memory.size(self.space.to_tune(proposal.config))
            if died or (last and not error)
            else None
        )
        del self._pending[trial_id]
        status, reason = "completed", self._stop_reasons.pop(trial_id, "")
        if size is not None:
            self._memory.note(size[1], died)
        try:
            if died:
                raise InfeasibleError(
                    "out of memory" + (f" at {size[0]} = {size[1]:g}" if size else "")
                )
            if error:
                raise InfeasibleError("the trainable raised an error")
            values, violation, broken = self._outcome(trial_id, last)
        except InfeasibleError as why:
            status, reason = ("error" if error and not died else "infeasible"), str(why)
            self._fail(trial_id, proposal)
        else:
            if violation:
                status, reason = "infeasible", broken
            self._tell(
                Observation(
                    trial_id,
                    proposal,
                    values,
                    last,
                    self._score(trial_id, values, violation),
                    violation,
                )
            )
        end: Event = {"event": "end", "trial": trial_id, "status": status, "reason": reason}
        if size is not None:
            end["size"] = size[1]
        self._record.append({**end, "out_of_memory": True} if died else end)

    def on_pause(self, trial_id: str) -> None:
        """Tune's `HyperBandForBOHB` pauses a trial: it stays pending."""

    def on_unpause(self, trial_id: str) -> None:
        """Tune's `HyperBandForBOHB` goes on with a trial."""

    # Others that live as long as the experiment: Tune saves the searcher, and forgets its
    # scheduler.

    def attach_companion(
        self,
        name: str,
        get_state: Callable[[], dict[str, Any]],
        set_state: Callable[[dict[str, Any]], None],
    ) -> None:
        """Saves and restores the state of something else, e.g. of the scheduler, together with the
        searcher's own.

        Args:
            name: Under which name; one that is attached already is replaced.
            get_state: Called at each `save`; gives JSON values.
            set_state: Called with what `get_state` gave at each `restore`, or right now if that
                lies behind.
        """
        self._companions.attach(name, get_state, set_state)

    def note_stop(self, trial_id: str, reason: str) -> None:
        """Takes from a scheduler why it stops a trial, for the record."""
        self._stop_reasons[self._proposed_id(trial_id)] = reason

    # State.

    def save(self, checkpoint_path: str) -> None:
        """Writes the state as JSON to `checkpoint_path`, and what happened since the last save
        to the record beside it.
        """
        if self._refused is not None:
            raise self._refused
        path = Path(checkpoint_path)
        self._catch_up()
        state, changes = self._growing.split(
            {"strategy": self._get_state(), "companions": self._companions.get_state()}
        )
        for change in changes:
            self._record.append(change)
        mark = self._record.save(path.parent)
        state_file.write(
            path,
            {
                "searcher": type(self).__name__,
                "space": self._space.fingerprint if self._space else None,
                "metric": self._metric,
                "mode": self._mode,
                "seed": self._seed,
                "generator": self._rng.bit_generator.state,
                "candidates": self._candidates.get_state(),
                "record": mark,
                **state,
            },
        )

    def restore(self, checkpoint_path: str) -> None:
        """Goes back to a saved state.

        Tune logs an error from here and starts the experiment anew, over what was finished: the
            error is therefore raised
        again by every later call, before a trial or a file is touched.

        Raises:
            StateError: The file is damaged, of another searcher, metric, mode or space, or cannot
                be used for another reason.
        """
        self._refused = None
        try:
            self._restore(Path(checkpoint_path))
        except state_file.StateError as error:
            self._refused = error
            raise
        except Exception as error:
            self._refused = state_file.StateError(
                f"{checkpoint_path} cannot be restored: {type(error).__name__}: {error}"
            )
            raise self._refused from error

    def _restore(self, path: Path) -> None:
        state = state_file.read(path)
        if param_space := saved_param_space(path.parent):
            self._space = joint_space(self._own_space, param_space)
        self._check_same(path, state)
        self._metric, self._mode = state["metric"], state["mode"]
        try:
            events = self._record.restore(path.parent, state["record"])
        except ValueError as error:
            raise state_file.StateError(str(error)) from error
        self._seed, self._rng.bit_generator.state = state["seed"], state["generator"]
        self._candidates.set_state(state["candidates"])
        self._objectives = None
        self._replay(events)
        whole = self._growing.join(
            {"strategy": state["strategy"], "companions": state["companions"]}
        )
        self._set_state(whole["strategy"])
        self._companions.set_state(whole["companions"])

    def _check_same(self, path: Path, state: Mapping[str, Any]) -> None:
        if state["searcher"] != type(self).__name__:
            raise state_file.StateError(
                f"{path} is the state of a {state['searcher']}, not of a {type(self).__name__}"
            )
        if self._space is None:
            raise state_file.StateError(
                f"{path} was saved with a space in Tune's param_space: pass the same one, "
                "Tuner.restore(path, trainable, param_space={...}), or give it to the searcher"
            )
        if state["space"] not in (None, self._space.fingerprint):
            raise state_file.StateError(
                f"{path} was saved with another space (hash {state['space']}, now {self._space.fingerprint}): restore with the "
                "space unchanged and the same param_space, or start a new experiment"
            )
        for name, own in (("metric", self._metric), ("mode", self._mode)):
            if own is not None and state[name] not in (None, own):
                raise state_file.StateError(
                    f"{path} was saved for {name} {state[name]!r}, this searcher has {own!r}"
                )

    def _replay(self, events: Sequence[Mapping[str, Any]]) -> None:
        self._proposals, self._pending, self._memory, self._growing = (
            {},
            {},
            MemoryLimit(self._costs),
            GrowingState(),
        )
        self._failed_before, self._restarted, self._strangers = set(), {}, set()
        for event in events:
            if (
                "phase" in event
            ):  # OneShot's own: its supernet and its retrainings, which this searcher has not proposed
                continue
            if event["event"] == "proposal":
                self._add(
                    event["trial"],
                    Proposal(event["config"], event["move"], tuple(event["parents"])),
                )
            elif event["event"] == "earlier":
                self._note_earlier(
                    {trial_id: trial["config"] for trial_id, trial in event["trials"].items()},
                    event["same_task"],
                )
                for trial_id, trial in event["trials"].items() if event["same_task"] else ():
                    self._replay_score(trial_id, trial["metrics"])
            elif event["event"] == "result":
                self._pending[event["trial"]] = event["metrics"]
            elif event["event"] == "end":
                last, died = (
                    self._pending.pop(event["trial"], {}),
                    event.get("out_of_memory", False),
                )
                if event["status"] == "error" or died:
                    self._failed_before.add(event["trial"])
                if "size" in event:
                    self._memory.note(event["size"], died)
                if event["status"] != "error" and not died:
                    self._replay_score(event["trial"], last)
            elif event["event"] == "resumed":
                self._failed_before.discard(event["trial"])
                self._pending[event["trial"]] = {}
            elif event["event"] == "restarted":
                self._failed_before.discard(event["trial"])
                self._pending[event["trial"]] = {}
                self._restarted[event["as"]] = event["trial"]
            elif event["event"] == "state":
                self._growing.take(event)
            elif event["event"] == "experiment":
                self._objectives = self._make_objectives()

    def _replay_score(self, trial_id: str, metrics: Mapping[str, Any]) -> None:
        if self._scores is not None:
            try:
                values, violation, _ = self._outcome(trial_id, metrics)
            except InfeasibleError:
                return
            self._scores.add(trial_id, values, violation)

    # Helpers.

    def _take_metric(self, metric: str | None, mode: str | None) -> None:
        if self._given_objectives is not None or metric == DEFAULT_METRIC:
            return
        for name, own, given in (("metric", self._metric, metric), ("mode", self._mode, mode)):
            if own is not None and given is not None and own != given:
                raise ValueError(
                    f"{name} is {own!r} in the searcher and {given!r} in Tune: give it once"
                )
        self._metric, self._mode = self._metric or metric, self._mode or mode

    def _ready(self) -> Objectives:
        """Completes what the first call needs; an error here comes before any trial is paid for."""
        if self._refused is not None:
            raise self._refused
        if self._objectives is not None:
            return self._objectives
        self._take_metric(*metric_and_mode())
        objectives = self._make_objectives()
        self._record.append(
            {
                "event": "experiment",
                "version": RECORD_VERSION,
                "searcher": type(self).__name__,
                "space": self.space.fingerprint,
                "objectives": dict(objectives.directions),
                "seed": self._seed,
            }
        )
        self._objectives = objectives
        self._candidates.check_points(self.space)
        while self._at_start:
            self._at_start.pop(0)(self)
        return objectives

    def _outcome(
        self, trial_id: str, metrics: Mapping[str, Any]
    ) -> tuple[tuple[float, ...], float, str]:
        """A completed trial's values, its violation of limits and what it violates.

        Raises:
            InfeasibleError: They are not usable, or there is a limit on what is neither a cost nor
                reported.
        """
        objectives = self._ready()
        absent = [name for name in self._constraints if name not in metrics]
        if absent and self._cost_names is None:
            self._cost_names = frozenset(
                objectives.known_figures(self.space.to_tune(self._proposals[trial_id].config))
            )
        for name in absent:
            if name not in (self._cost_names or ()):
                raise InfeasibleError(
                    f"constraints has {name!r}, which is neither one of the costs nor reported"
                )
        return objectives.values(metrics), *objectives.violation(metrics)

    def _score(self, trial_id: str, values: tuple[float, ...], violation: float) -> float:
        """A completed trial's score; the strategy learns of the earlier ones that it changes."""
        if self._scores is None:
            return values[0]
        score, changed = self._scores.add(trial_id, values, violation)
        if changed:
            self._rescore(changed)
        return score

    def _make_objectives(self) -> Objectives:
        name = type(self).__name__
        if self._metric is None or self._mode is None:
            missing = "metric" if self._metric is None else "mode"
            raise ValueError(
                f'{name} has no {missing}: give it one, {name}(space, metric="accuracy", mode="max"), or give both to Tune'
            )
        directions = self._given_objectives or {self._metric: self._mode}
        self._scores = (
            Scores()
            if not self.many_objectives and (len(directions) > 1 or self._constraints)
            else None
        )
        return Objectives(directions, self._constraints, self._costs)

    def _add(self, trial_id: str, proposal: Proposal) -> None:
        self._proposals[trial_id] = proposal
        self._pending[trial_id] = {}
        self._candidates.add(self._candidates.key(proposal.config, self.space))

    def _resume(self, trial_id: str) -> None:
        """A trial that had failed goes on after all, and will end once more."""
        self._failed_before.discard(trial_id)
        self._pending[trial_id] = {}
        self._record.append({"event": "resumed", "trial": trial_id})

    def _proposed_id(self, trial_id: str) -> str:
        """The id under which a trial was proposed: another where Tune runs one that had failed
        anew; its own if unknown.
        """
        if trial_id in self._proposals or trial_id in self._strangers:
            return trial_id
        if trial_id not in self._restarted and not self._restart(trial_id):
            self._strangers.add(trial_id)
        return self._restarted.get(trial_id, trial_id)

    def _restart(self, trial_id: str) -> bool:
        """Whether a new trial is the second run of one that had failed, which it is told by
        their config.
        """
        if not self._failed_before:
            return False
        configs = [
            self.space.from_tune(trial.config)
            for trial in tune_trials()
            if trial.trial_id == trial_id
        ]
        failed = [name for name in self._failed_before if self._proposals[name].config in configs]
        if not failed:
            return False
        first = min(failed)
        self._failed_before.discard(first)
        self._pending[first] = {}
        self._restarted[trial_id] = first
        self._record.append({"event": "restarted", "trial": first, "as": trial_id})
        return True

    def _catch_up(self) -> None:
        """Ends what Tune has ended without a word: at the run's end what was cut off, always
        second runs behind a `ConcurrencyLimiter`.
        """
        over = run_is_over()
        for trial in tune_trials():
            trial_id = (
                self._proposed_id(trial.trial_id)
                if trial.status in (Trial.TERMINATED, Trial.ERROR)
                else ""
            )
            if trial_id in self._pending and (over or trial.trial_id in self._restarted):
                self._end(trial_id, trial)

    def _end(self, trial_id: str, trial: Trial) -> None:
        result = self._last_result(trial)
        if trial.status == Trial.ERROR:
            self.on_trial_complete(trial_id, result, error=True)
        elif result is None and not self._pending[trial_id]:
            del self._pending[
                trial_id
            ]  # the architecture is not to blame: the strategy learns nothing
            self._record.append(
                {
                    "event": "end",
                    "trial": trial_id,
                    "status": "unfinished",
                    "reason": "cut off before its first report",
                }
            )
        else:
            if not trial.last_result.get("done"):
                self._stop_reasons.setdefault(trial_id, CUT_OFF)
            self.on_trial_complete(trial_id, result)

    def _last_result(self, trial: Trial) -> dict[str, Any] | None:
        """Tune's last flat result of a trial, None if it has reported nothing."""
        result = flatten_dict(trial.last_result)
        return result if any(name in result for name in self._ready().directions) else None

    def _note_earlier(self, configs: Mapping[str, Config], same_task: bool) -> None:
        """Makes an earlier experiment's trials known by id; those of the same task are not
        proposed again.
        """
        for trial_id, config in configs.items():
            self._proposals[trial_id] = Proposal(config, "earlier")
            if same_task:
                self._candidates.add(self._candidates.key(config, self.space))

    def _note_result(
        self,
        trial_id: str,
        result: Mapping[str, Any],
        metrics: dict[str, float],
        final: bool = False,
    ) -> None:
        """`final`: the result that ended the trial, which a function that returns has none of."""
        self._pending[trial_id] = result
        self._record.append(
            {
                "event": "result",
                "trial": trial_id,
                "metrics": metrics,
                **({"final": True} if final else {}),
            }
        )

    def _is_new(self, config: Config) -> bool:
        """Whether the config was not proposed yet (always, once `repeats` have begun)."""
        return self._candidates.is_new_key(self._candidates.key(config, self.space))


def strategy_names(module: Any) -> dict[str, type[ArchitectureSearcher]]:
    """The searchers that a module offers, by name."""
    return {
        name: member
        for name, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, ArchitectureSearcher) and member is not ArchitectureSearcher
    }
