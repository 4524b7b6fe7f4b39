"""Ends trials that were stopped and that Tune queues again.

Tune does so if the driver died before they had ended, or their node before they were saved.
"""

from typing import Any, Final

from ray.tune.utils import flatten_dict

from ray_nas.tune_internals.search_algorithm import innermost_searcher

WAITING: Final = ("PENDING", "PAUSED")
"""Statuses of trials that wait for resources."""


def end(tune_controller: Any, trial: Any, reason: str = "") -> None:
    """Ends a waiting trial, and passes the reason and the last report to the searcher.

    Tune passes the last report when it ends a running trial, but not when it ends a waiting one.
    """
    note_stop(innermost_searcher(tune_controller.search_alg), trial.trial_id, reason)
    tune_controller.search_alg.on_trial_result(trial.trial_id, flatten_dict(trial.last_result))
    tune_controller.stop_trial(trial)


def note_stop(searcher: Any, trial_id: str, reason: str) -> None:
    """Passes the reason of a stop to a searcher of this package.

    Args:
        searcher: Any searcher; others than those of this package are ignored.
        trial_id: The trial that is being stopped.
        reason: Why; empty if the trial ran to its end.
    """
    if hasattr(searcher, "note_stop"):
        searcher.note_stop(trial_id, reason)
