"""Trials that were stopped and that Tune queues again: the driver died before they had ended, or their node before they were saved."""

from typing import Any, Final

from ray.tune.utils import flatten_dict

WAITING: Final = ("PENDING", "PAUSED")


def end(tune_controller: Any, trial: Any) -> None:
    """Ends a trial that waits. The searcher hears the report first at which it was stopped.

    Tune hands that report over when it ends a trial that runs; of one that waits it says no more than that it is over.
    """
    tune_controller.search_alg.on_trial_result(trial.trial_id, flatten_dict(trial.last_result))
    tune_controller.stop_trial(trial)
