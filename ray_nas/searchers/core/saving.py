"""Saves and restores a searcher: its own fields as JSON, the trials through the ledger."""

from collections.abc import Callable
from pathlib import Path

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from ray_nas.record.events import (
    CandidatesScored,
    Event,
    ExperimentStarted,
    ScoresAudited,
    StateChanged,
    TrialEnded,
    TrialsImported,
    UnknownEvent,
)
from ray_nas.record.experiment import RecordError
from ray_nas.searchers.core.evaluation import Evaluator
from ray_nas.searchers.core.ledger import Result
from ray_nas.searchers.core.memory_limit import MemoryLimit
from ray_nas.searchers.core.scheduler_link import SchedulerLink
from ray_nas.searchers.core.teaching import TaughtStrategy
from ray_nas.searchers.core.tune_trials import TuneTrials
from ray_nas.state import state_file
from ray_nas.state.attached_state import AttachedStates, State
from ray_nas.state.incremental_state import IncrementalState
from ray_nas.state.state_file import StateError
from ray_nas.tune_internals.restored_trials import (
    match_generator,
    proposes_every_trial,
    restored_trials,
)
from ray_nas.tune_internals.saved_param_space import saved_param_space


class SavedStrategy(TaughtStrategy):
    """A strategy whose search outlives its process."""

    _seed: int
    _memory: MemoryLimit
    _scheduler: SchedulerLink
    _tune_trials: TuneTrials
    _attached: AttachedStates
    _incremental: IncrementalState
    _refused: StateError | None
    """Why the last restore failed."""

    def on_trial_complete(
        self, trial_id: str, result: Result | None = None, error: bool = False
    ) -> None:
        """A trial ended."""
        raise NotImplementedError

    def _end_unreported(self) -> None:
        """Ends the trials that Tune has ended without a call."""

    # For schedulers: Tune saves its searcher but not its scheduler, and does not connect them.

    def attach_state(
        self, name: str, get_state: Callable[[], State], set_state: Callable[[State], None]
    ) -> None:
        """Saves and restores another object's state with the searcher's, e.g. the scheduler's.

        Args:
            name: Under which it is saved; an object attached under it before is replaced.
            get_state: Called at each `save`; returns JSON values.
            set_state: Called with them at each `restore`, or now if that has happened.
        """
        self._attached.attach(name, get_state, set_state)

    def note_stop(self, trial_id: str, reason: str, result: Result | None = None) -> None:
        """Says why a scheduler stops a trial, and at which report, for the record."""
        self.ledger.note_stop(self._tune_trials.proposed_id(trial_id), reason, result)

    def note_retry(self, trial_id: str) -> None:
        """Says that a failed trial is retried, for the record."""
        if trial_id in self.ledger.pending:
            self.ledger.resume(trial_id)

    def use_scheduler(self, scheduler: TrialScheduler) -> None:
        """Says which scheduler decides about the trials, outside of Tune."""
        self._scheduler.use(scheduler)

    # Saving and restoring.

    def save(self, checkpoint_path: str) -> None:
        """Writes the state as JSON, and what happened since the last save to the record beside it.

        Raises:
            StateError: The last restore failed: nothing is overwritten.
            OSError: The storage is full or read-only; earlier saves are intact.
        """
        if self._refused is not None:
            raise self._refused
        path = Path(checkpoint_path)
        self._end_unreported()
        whole = {
            "strategy": self._get_state(),
            "attached": self._attached.get_state(),
            "checkpoints": self._checkpoints.get_state() if self._checkpoints else {},
        }
        state, changes = self._incremental.split(whole)
        for change in changes:
            self.ledger.write(change)
        mark = self.ledger.save(path.parent)
        fields = {
            **self.problem.get_state(),
            "seed": self._seed,
            "generator": self._rng.bit_generator.state,
            "candidates": self.candidates.get_state(),
            "record": mark,
            **state,
        }
        state_file.write(path, fields)

    def restore(self, checkpoint_path: str) -> None:
        """Goes back to a saved state.

        Tune only logs an error raised here, and starts the experiment anew over the finished one.
        So every later call raises it again, before a trial or a file is touched.

        Raises:
            StateError: The file is damaged, or of another searcher, metric, mode or space.
        """
        self._refused = None
        try:
            self._restore(Path(checkpoint_path))
        except StateError as error:
            self.refuse(error)
        except RecordError as error:
            self._refused = StateError(str(error))
            raise self._refused from error
        except Exception as error:
            self._refused = StateError(
                f"{checkpoint_path} cannot be restored: {type(error).__name__}: {error}"
            )
            raise self._refused from error

    def refuse(self, error: StateError) -> None:
        """Raises an error now and at every later call: the state is not this search's."""
        self._refused = error
        raise error

    def _restore(self, path: Path) -> None:
        state = state_file.read(path)
        param_space = saved_param_space(path.parent)
        if param_space:
            self.problem.use_param_space(param_space)
        self.problem.set_state(path, state)
        self._seed = state["seed"]
        self._rng.bit_generator.state = state["generator"]
        self.candidates.set_state(state["candidates"])
        self._evaluator = None
        self._memory = MemoryLimit()
        self._scheduler.forget()
        self._incremental = IncrementalState()
        for event in self.ledger.restore(path.parent, state["record"]):
            self._restored(event)
        parts = ("strategy", "attached", "checkpoints")
        whole = self._incremental.merge({name: state[name] for name in parts})
        self._set_state(whole["strategy"])
        self._attached.set_state(whole["attached"])
        if self._checkpoints is not None:
            self._checkpoints.set_state(whole["checkpoints"])
        trials = restored_trials()
        if trials is not None:
            match_generator(trials)
            if proposes_every_trial(self):
                self._match(trials)

    def _match(self, trials: list[Trial]) -> None:
        """Catches up with Tune's trials, if they were saved later than this state.

        Trials that were saved earlier lack some of the ledger's: these are proposed again.
        """
        for trial in self._tune_trials.compare_restored(trials):
            config = self.space.from_tune(trial.config)
            self.space.validate(config)
            proposal = self._proposal(config, "restored")
            self.ledger.propose(trial.trial_id, proposal)
            self._proposed(trial.trial_id, proposal)
        for trial in trials:
            if trial.status == Trial.TERMINATED and trial.trial_id in self.ledger.pending:
                self.on_trial_complete(trial.trial_id, self._tune_trials.last_result(trial))

    def _restored(self, event: Event | UnknownEvent) -> None:
        """Applies a recorded event to what the ledger does not own."""
        match event:
            case ExperimentStarted():
                self._evaluator = Evaluator(self.problem, scalarize=self.needs_score)
            case TrialEnded():
                if event.trial in self.ledger.proposals:
                    self._memory.apply(event)
                    if event.status != "error" and not event.out_of_memory:
                        self._count_again(
                            event.trial, self.ledger.record.trials[event.trial].metrics
                        )
            case TrialsImported():
                if event.same_task:
                    for trial_id, trial in event.trials.items():
                        self._count_again(trial_id, trial["metrics"])
            case CandidatesScored():
                self.learn_scores(event)
            case ScoresAudited():
                self.learn_audit(event)
            case StateChanged():
                self._incremental.apply(event)
