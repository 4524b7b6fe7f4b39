"""Keys of a trial's result: which numbers the user's code reported, and which keys are Tune's."""

from collections.abc import Mapping
from typing import Any, Final

from ray.tune.result import AUTO_RESULT_KEYS

from ray_nas.checks import number

CHECKPOINT_NAME: Final = "checkpoint_dir_name"
"""Tune's key for the name of the checkpoint reported with a result, in the trial's folder."""

_TUNE_KEYS: Final = frozenset(AUTO_RESULT_KEYS) - {"training_iteration", "time_total_s"} | {
    "done",
    "should_checkpoint",
    "trial_id",
    "experiment_tag",
}


def reported_numbers(result: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a flat result that the user's code reported, and Tune's iteration and time.

    Example:
        >>> reported_numbers({"loss": 0.5, "note": "text", "trial_id": "a", "config/depth": 3})
        {'loss': 0.5}
    """
    found: dict[str, float] = {}
    for name, value in result.items():
        if name in _TUNE_KEYS or name.startswith("config/"):
            continue
        value = number(value)
        if value is not None:
            found[name] = value
    return found
