"""Binds a scheduler to one Tune experiment at a time.

Tune saves trials and searcher together, never the scheduler, and after a crash it queues trials
again that a scheduler had stopped. Every scheduler here needs an answer to both.
"""

from collections.abc import Callable
from typing import Any

from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.search import SearchAlgorithm

from ray_nas.state.attached_state import State
from ray_nas.tune_internals import requeued_trials, search_algorithm


class ExperimentBinding:
    """Saves a scheduler's state with the experiment, and ends stopped trials that are queued again.

    Args:
        get_state: Returns the scheduler's state as JSON values.
        set_state: Receives a saved state when an experiment is restored.

    Example:
        >>> from ray.tune.search.basic_variant import BasicVariantGenerator
        >>> from types import SimpleNamespace
        >>> binding = ExperimentBinding(dict, print)
        >>> first, second = BasicVariantGenerator(), BasicVariantGenerator()
        >>> binding.attach(first, SimpleNamespace(trial_id="a"), "MyScheduler")
        >>> binding.is_second_experiment(first), binding.is_second_experiment(second)
        (False, True)
    """

    def __init__(self, get_state: Callable[[], State], set_state: Callable[[State], None]) -> None:
        self._get_state = get_state
        self._set_state = set_state
        self._search_alg: SearchAlgorithm | None = None
        self._requeued: list[Trial] = []

    def is_second_experiment(self, search_alg: SearchAlgorithm | None) -> bool:
        """Whether the scheduler was attached to another experiment before."""
        if search_alg is None or self._search_alg is None:
            return False
        return search_alg is not self._search_alg

    def attach(self, search_alg: SearchAlgorithm | None, trial: Trial, name: str) -> None:
        """Saves the state with the experiment's snapshots; restores a saved one at once.

        Does nothing if the scheduler is attached already, or is driven without Tune.

        Args:
            search_alg: The controller's search algorithm; None without Tune.
            trial: Any trial of the experiment, for its folder.
            name: The scheduler's class name.

        Raises:
            StateError: The saved state is damaged, or belongs to another scheduler.
        """
        if search_alg is None or search_alg is self._search_alg:
            return
        self._search_alg = search_alg
        search_algorithm.attach(search_alg, trial, name, self._get_state, self._set_state)

    def note_stop(self, trial_id: str, reason: str) -> None:
        """Passes the reason of a stop to the searcher, which records it.

        Args:
            trial_id: The trial that is being stopped.
            reason: Why it is stopped early; empty at full length.
        """
        searcher = search_algorithm.innermost_searcher(self._search_alg)
        requeued_trials.note_stop(searcher, trial_id, reason)

    def note_retry(self, trial_id: str) -> None:
        """Tells the searcher that Tune retries a failed trial: Tune itself does not."""
        searcher = search_algorithm.innermost_searcher(self._search_alg)
        if hasattr(searcher, "note_retry"):
            searcher.note_retry(trial_id)

    def add_requeued(self, trial: Trial) -> None:
        """Adds a trial that was stopped and that Tune has queued again."""
        self._requeued.append(trial)

    def end_requeued(
        self, tune_controller: TuneController, reason_of: Callable[[str], str]
    ) -> None:
        """Ends the queued trials that were stopped before.

        Args:
            tune_controller: Tune's controller.
            reason_of: Returns why a trial was stopped, by trial id; empty for no reason.
        """
        while self._requeued:
            trial = self._requeued.pop()
            if trial.status in requeued_trials.WAITING:
                requeued_trials.end(tune_controller, trial, reason_of(trial.trial_id))

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out Tune's live objects: the scheduler attaches itself again when unpickled."""
        return {**self.__dict__, "_search_alg": None, "_requeued": []}
