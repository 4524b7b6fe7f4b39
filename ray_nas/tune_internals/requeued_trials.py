"""Trials that were stopped and that Tune queues again: the driver died before they had ended, or
their node before they were saved.
"""

from typing import Any, Final

from ray.tune.utils import flatten_dict

from ray_nas.tune_internals.search_algorithm import innermost_searcher

WAITING: Final = ("PENDING", "PAUSED")


def end(tune_controller: Any, trial: Any, reason: str = "") -> None:
    """Ends a trial that waits. The searcher hears why, and the report at which it was stopped.

    Tune hands that report over when it ends a trial that runs; of one that waits it says no more
    than that it is over.
    """
    note_stop(innermost_searcher(tune_controller.search_alg), trial.trial_id, reason)
    tune_controller.search_alg.on_trial_result(trial.trial_id, flatten_dict(trial.last_result))
    tune_controller.stop_trial(trial)


def note_stop(searcher: Any, trial_id: str, reason: str) -> None:
    """Tells a searcher that records it why a trial is stopped; empty for its full length."""
    if hasattr(searcher, "note_stop"):
        searcher.note_stop(trial_id, reason)
