"""`ListedRuns`: gives Tune a list of trainings, and keeps the results of each as it ends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from ray_nas.retraining.results import RetrainedTrial
from ray_nas.retraining.retraining_folder import run_name
from ray_nas.tune_internals.result_keys import reported_numbers


class ListedRuns(Searcher):
    """Proposes each training of a list once.

    Args:
        runs: The trainings, without metrics.
        configs: The trainable's config of each.
        on_end: Called with each training when it has ended.

    Example:
        >>> run = RetrainedTrial("a", {"depth": 2}, 0, {})
        >>> runs = ListedRuns([run], [{"depth": 2, "seed": 0}], print)
        >>> runs.suggest("t1"), runs.suggest("t2")
        ({'depth': 2, 'seed': 0}, 'FINISHED')
        >>> runs.on_trial_complete("t1", {"loss": 0.5, "trial_id": "t1"})
        RetrainedTrial(trial='a', config={'depth': 2}, seed=0, metrics={'loss': 0.5}, reason='')
    """

    def __init__(
        self,
        runs: Sequence[RetrainedTrial],
        configs: Sequence[Mapping[str, Any]],
        on_end: Callable[[RetrainedTrial], None],
    ) -> None:
        super().__init__()
        self._waiting = list(zip(runs, configs, strict=True))
        self._running: dict[str, RetrainedTrial] = {}
        self._on_end = on_end

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # Tune takes "FINISHED" too
        """The next training's config."""
        if not self._waiting:
            return str(Searcher.FINISHED)
        run, config = self._waiting.pop(0)
        self._running[trial_id] = run
        return dict(config)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Keeps the metrics of the newest report."""
        run = self._running[trial_id]
        self._running[trial_id] = replace(run, metrics=reported_numbers(result))

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Passes the training on."""
        if result:
            self.on_trial_result(trial_id, result)
        run = self._running[trial_id]
        self._on_end(replace(run, reason="failed") if error else run)

    def folder_name(self, trial: Trial) -> str:
        """The name of a trial's folder."""
        run = self._running[trial.trial_id]
        return run_name(run.trial, run.seed)

    def save(self, checkpoint_path: str) -> None:
        """Saves nothing: a new `retrain` repeats what is not in the results' file."""

    def restore(self, checkpoint_path: str) -> None:
        """Restores nothing; see `save`."""
