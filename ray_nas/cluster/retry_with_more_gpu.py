"""A trial that ran out of memory is tried again with a larger share of the GPU."""

import math
from typing import Any

from ray import tune
from ray.tune import PlacementGroupFactory
from ray.tune.experiment import Trial

from ray_nas.checks import check_float, check_int
from ray_nas.searchers.core.memory_limit import is_out_of_memory
from ray_nas.tune_internals.call_stack import trial_error


class LargerShare(tune.Callback):
    """Gives a trial more when Tune tries it again after it ran out of memory; of no use without
    `max_failures`.

        tune.RunConfig(callbacks=[LargerShare()], failure_config=tune.FailureConfig(max_failures=1))

    Other failures leave the share as it is. The searcher hears of the last try alone.

    Args:
        factor: By how much a share grows at each try: up to one GPU in parts of it, then in whole
            GPUs.
        max_gpus: The most GPUs that a trial may get; beyond one, its batch is to be split among
            them.

    Raises:
        ValueError: An argument breaks a rule.
    """

    def __init__(self, factor: float = 2.0, max_gpus: int = 1) -> None:
        check_float("factor", factor, above=1)
        check_int("max_gpus", max_gpus, low=1)
        self._factor, self._max_gpus = factor, max_gpus

    def on_trial_recover(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Tune has queued a trial again that failed."""
        if is_out_of_memory(trial_error()):
            needed: Any = trial.placement_group_factory
            trial.update_resources(
                PlacementGroupFactory(
                    [self._larger(bundle) for bundle in needed.bundles], needed.strategy
                )
            )

    def _larger(self, bundle: dict[str, float]) -> dict[str, float]:
        share = bundle.get("GPU", 0.0)
        if not share:
            return dict(bundle)
        larger = min(share * self._factor, self._max_gpus)
        if larger > 1:
            larger = 1.0 if share < 1 else math.ceil(larger)  # all of one GPU before the second
        return {**bundle, "GPU": max(larger, share)}
