"""The trials of Tune's controller, for ends that a searcher does not learn of.

Tune does not call a searcher for trials that a stopper's `stop_all`, `time_budget_s` or `fail_fast`
cuts off, or that a restore with `resume_unfinished=False` leaves unfinished. `Tuner.restore(...,
restart_errored=True)` replaces failed trials by new ones under new ids, and `ConcurrencyLimiter`
drops the end of ids that it did not propose. The controller has all trials. It is found on the
stack in its public methods `step` and `save_to_dir`, which call the searcher.

`tests/tune_internals/test_tune_controller.py` fails when Ray changes this.
"""

from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial

from ray_nas.tune_internals.call_stack import locals_of


def tune_trials() -> list[Trial]:
    """The trials of the calling controller; empty without one."""
    for method in (TuneController.step, TuneController.save_to_dir):
        controller = locals_of(method.__code__).get("self")
        if controller is not None:
            return list(controller.get_trials())
    return []


def run_is_over() -> bool:
    """Whether Tune is saving for the last time, after its loop."""
    is_in_loop = bool(locals_of(TuneController.step.__code__))
    return not is_in_loop and bool(locals_of(TuneController.save_to_dir.__code__))
