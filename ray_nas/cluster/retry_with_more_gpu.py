"""Retries a trial that ran out of memory with a larger share of the GPU."""

import math
from typing import Any

from ray import tune
from ray.tune import PlacementGroupFactory
from ray.tune.experiment import Trial

from ray_nas.checks import check_float, check_int
from ray_nas.tune_internals.trial_errors import is_out_of_memory, trial_error


class RetryWithMoreGPU(tune.Callback):
    """Enlarges a trial's GPU share when Tune retries it after it ran out of memory.

    Needs `max_failures`, or Tune does not retry. Other failures keep the share. The searcher sees
    only the result of the last try.

    Args:
        factor: How much a share grows at each try: in parts of a GPU up to one, then in whole GPUs.
        max_gpus: The most GPUs for a trial; beyond one, the trainable must split its batch among
            them.

    Raises:
        ValueError: An argument breaks a rule.

    Example:
        >>> config = tune.RunConfig(
        ...     callbacks=[RetryWithMoreGPU(max_gpus=2)],
        ...     failure_config=tune.FailureConfig(max_failures=1),
        ... )
    """

    def __init__(self, factor: float = 2.0, max_gpus: int = 1) -> None:
        check_float("factor", factor, above=1)
        check_int("max_gpus", max_gpus, low=1)
        self._factor = factor
        self._max_gpus = max_gpus

    def on_trial_recover(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Called by Tune when it has queued a failed trial again."""
        if is_out_of_memory(trial_error()):
            needed: Any = trial.placement_group_factory
            bundles = [self._enlarged(bundle) for bundle in needed.bundles]
            trial.update_resources(PlacementGroupFactory(bundles, needed.strategy))

    def _enlarged(self, bundle: dict[str, float]) -> dict[str, float]:
        share = bundle.get("GPU", 0.0)
        if not share:
            return dict(bundle)
        larger = min(share * self._factor, self._max_gpus)
        if larger > 1:
            # All of one GPU before a second one
            larger = 1.0 if share < 1 else math.ceil(larger)
        return {**bundle, "GPU": max(larger, share)}
