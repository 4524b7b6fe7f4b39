"""The trials that Tune is restoring, which may be of another save than the searcher's state.

Tune saves its trials, its generator and the searcher in files of their own, and copies them to the
storage one by one. If the driver or its disk dies in between, the storage holds files of different
saves. Tune's list of trials decides: it says what runs. The generator's number of trials, and the
trials that a `ConcurrencyLimiter` takes for running, are set to it; Tune would otherwise run too
many trials, too few, or wait for ever.

This file relies on the local variables `trials` of `TuneController.resume` and `search_alg_state`
of `SearchGenerator.restore_from_dir`, and on the attributes of `ConcurrencyLimiter`.
`tests/tune_internals/test_restored_trials.py` fails when Ray changes them.
"""

from typing import Any

from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.search import ConcurrencyLimiter, SearchGenerator

from ray_nas.tune_internals.call_stack import locals_of


def restored_trials() -> list[Trial] | None:
    """The trials that the calling `Tuner.restore` has found; None outside of one."""
    trials = locals_of(TuneController.resume.__code__).get("trials")
    return None if trials is None else list(trials)


def match_generator(trials: list[Trial]) -> None:
    """Makes Tune's generator, and a limiter inside it, agree with the trials.

    Args:
        trials: Those that Tune has found.
    """
    variables = locals_of(SearchGenerator.restore_from_dir.__code__)
    if not variables:
        return
    variables["search_alg_state"]["counter"] = len(trials)
    limiter = variables["self"].searcher
    if isinstance(limiter, ConcurrencyLimiter):
        ended = (Trial.TERMINATED, Trial.ERROR)
        running = {trial.trial_id for trial in trials if trial.status not in ended}
        limiter.live_trials = limiter.cached_results.keys() | running
        limiter.num_unfinished_live_trials = len(running)


def proposes_every_trial(searcher: Any) -> bool:
    """Whether each of Tune's trials is a proposal of this searcher.

    It is not if a wrapper proposes trials of its own, or runs a proposal several times.
    """
    outer: Any = locals_of(SearchGenerator.restore_from_dir.__code__).get("self")
    while isinstance(outer, SearchGenerator | ConcurrencyLimiter):
        outer = outer.searcher
    while getattr(outer, "passes_trials_through", False):
        outer = outer.inner
    return outer is searcher
