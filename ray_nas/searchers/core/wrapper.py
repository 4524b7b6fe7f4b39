"""A searcher around a searcher: what it does not change goes to the inner one."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from ray_nas.searchers.core.ledger import Result, TrialLedger
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.spaces.core.search_space import Config, SearchSpace
from ray_nas.state.attached_state import State


class SearcherWrapper(Searcher):
    """Passes every call on to the inner searcher.

    Args:
        inner: The inner searcher.

    Raises:
        TypeError: It is not a searcher of this package.
    """

    CKPT_FILE_TMPL = "searcher-state-{}.json"
    passes_trials_through: ClassVar[bool] = True
    """Whether each of Tune's trials is a proposal of the inner searcher."""

    def __init__(self, inner: ArchitectureSearcher) -> None:
        if not isinstance(inner, ArchitectureSearcher):
            raise TypeError(f"searcher must be a searcher of ray_nas, got {type(inner).__name__}")
        super().__init__()
        self.inner = inner

    @property
    def metric(self) -> Any:
        """The metric to optimise; a list with several objectives."""
        return self.inner.metric

    @property
    def mode(self) -> Any:
        """The mode, "min" or "max"; a list with several objectives."""
        return self.inner.mode

    @property
    def ledger(self) -> TrialLedger:
        """The trials of the search."""
        return self.inner.ledger

    @property
    def space(self) -> SearchSpace:
        """Everything that is searched."""
        return self.inner.space

    @property
    def objectives(self) -> dict[str, str]:
        """Metric name to "min" or "max", as far as known."""
        return self.inner.objectives

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Adds Tune's metric, mode and `param_space`."""
        return self.inner.set_search_properties(metric, mode, config, **spec)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # Ray's annotation lacks "FINISHED"
        """The next trial's config, or "FINISHED" if nothing new is left."""
        return self.inner.suggest(trial_id)

    def on_trial_result(self, trial_id: str, result: Result) -> None:
        """A trial reported."""
        self.inner.on_trial_result(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: Result | None = None, error: bool = False
    ) -> None:
        """A trial ended."""
        self.inner.on_trial_complete(trial_id, result, error)

    def on_pause(self, trial_id: str) -> None:
        """Tune's `HyperBandForBOHB` pauses a trial."""
        self.inner.on_pause(trial_id)

    def on_unpause(self, trial_id: str) -> None:
        """Tune's `HyperBandForBOHB` continues a trial."""
        self.inner.on_unpause(trial_id)

    def attach_state(
        self, name: str, get_state: Callable[[], State], set_state: Callable[[State], None]
    ) -> None:
        """Saves and restores another object's state with the searcher's, e.g. the scheduler's."""
        self.inner.attach_state(name, get_state, set_state)

    def note_stop(self, trial_id: str, reason: str, result: Result | None = None) -> None:
        """Says why a scheduler stops a trial, and at which report, for the record."""
        self.inner.note_stop(trial_id, reason, result)

    def note_retry(self, trial_id: str) -> None:
        """Says that a failed trial is retried, for the record."""
        self.inner.note_retry(trial_id)

    def use_scheduler(self, scheduler: TrialScheduler) -> None:
        """Says which scheduler decides about the trials, outside of Tune."""
        self.inner.use_scheduler(scheduler)

    def prepare(self) -> None:
        """Completes the problem and imports earlier trials."""
        self.inner.prepare()

    def propose_first(self, parent: str, configs: Sequence[Config]) -> None:
        """Tries these configs before the strategy's own."""
        self.inner.propose_first(parent, configs)

    def check_import(self, *, same_task: bool) -> None:
        """Raises a ValueError if earlier trials cannot be imported."""

    def import_when_ready(self, action: Callable[[ArchitectureSearcher], None]) -> None:
        """Imports earlier trials once space and objectives are known."""
        self.inner.import_when_ready(action)

    def save(self, checkpoint_path: str) -> None:
        """Writes the state, and the record beside it."""
        self.inner.save(checkpoint_path)

    def restore(self, checkpoint_path: str) -> None:
        """Goes back to a saved state.

        Raises:
            StateError: The file is damaged, or of another searcher, metric, mode or space.
        """
        self.inner.restore(checkpoint_path)
