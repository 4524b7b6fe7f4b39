"""What Tune knows and does not tell a searcher: the metric and mode given to `tune.run`, a saved
`param_space`, what a trial died of.

Tune calls `set_search_properties` only if there is a `config` (`param_space`), so that in
`tune.run(train, search_alg=RegularizedEvolution(space), metric="accuracy", mode="max")` the
searcher hears of neither. Both are arguments of the public function `tune.run`, which is on the
stack whenever it calls a searcher (`Tuner.fit` and `Tuner.restore` go through it too): they are
read there.

A `Tuner.restore` without `param_space` leaves the searcher without it too. Tune has it all the
same: its own state, which lies beside the searcher's, holds the experiment with the domains, and
Tune reads that file just before it restores the searcher.

Of trials that a stopper's `stop_all`, `time_budget_s` or `fail_fast` cuts off, or that a restore
with `resume_unfinished=False` leaves where they are, a searcher hears nothing at all: at the last
save of a run it looks at what Tune has ended. `Tuner.restore(..., restart_errored=True)` makes new
trials of those that failed, under new ids, and `ConcurrencyLimiter` keeps the end of ids that it
does not know to itself. The controller has all trials; it is found on the stack in its public
methods `step` and `save_to_dir`, inside of which a searcher is called.

Of a trial that failed a searcher hears `error=True` and no more; Tune's callbacks get the trial and
its error file, after the searcher was told, and a searcher cannot count on one. The exception is an
argument of the controller's (private) method that calls scheduler and searcher. Where that is not
found, all errors count as alike. `tests/searchers/test_tune_run.py` fails when Ray changes either.
Who drives a searcher without Tune says it by `failing`.
"""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

from ray import tune
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.search import Searcher, SearchGenerator
from ray.tune.search.sample import Categorical

from ray_nas.state.state_file import StateError
from ray_nas.tune_internals.stack_frames import arguments_of

_PLACEHOLDERS: Final = ("__fn_ph", "__ref_ph")
"""What Tune puts in the place of functions and objects; it does not save what stood there."""


def metric_and_mode() -> tuple[str | None, str | None]:
    """What the `tune.run` that is calling was given, or (None, None) outside of one."""
    arguments = arguments_of(inspect.unwrap(tune.run).__code__)
    return arguments.get("metric"), arguments.get("mode")


def saved_param_space(folder: Path) -> dict[str, Any]:
    """The `param_space` that Tune saved, where it restores an experiment and was given none; else
    empty.

    Args:
        folder: Where Tune's state lies, beside the searcher's.

    Raises:
        StateError: It held something that Tune does not save.
    """
    arguments = arguments_of(inspect.unwrap(tune.run).__code__)
    if not arguments or arguments.get("config"):
        return {}
    generator = SearchGenerator(_NoSearcher())
    generator.restore_from_dir(str(folder))
    config = generator.get_state()["experiment"].spec.get("config") or {}
    lost = sorted(_lost(config))
    if lost:
        raise StateError(
            f"param_space[{lost[0]!r}] is a function or an object, which Tune does not save: pass the same param_space, "
            "Tuner.restore(path, trainable, param_space={...})"
        )
    return dict(config)


def tune_trials() -> list[Trial]:
    """The trials of the controller that is calling, none outside of one."""
    for method in (TuneController.step, TuneController.save_to_dir):
        controller = arguments_of(method.__code__).get("self")
        if controller is not None:
            return list(controller.get_trials())
    return []


def run_is_over() -> bool:
    """Whether Tune is saving for the last time, after its loop."""
    return not arguments_of(TuneController.step.__code__) and bool(
        arguments_of(TuneController.save_to_dir.__code__)
    )


def trial_error() -> BaseException | None:
    """The exception that ended the trial whose failure is being told to scheduler and searcher,
    or None outside of that.
    """
    if _failing.get() is not None:
        return _failing.get()
    failure = getattr(TuneController, "_process_trial_failure", None)
    error = arguments_of(failure.__code__).get("exception") if failure is not None else None
    return error if isinstance(error, BaseException) else None


@contextmanager
def failing(error: BaseException) -> Iterator[None]:
    """Inside of it, scheduler and searcher are told of a trial that this exception ended."""
    token = _failing.set(error)
    try:
        yield
    finally:
        _failing.reset(token)


_failing: ContextVar[BaseException | None] = ContextVar("failing", default=None)


class _NoSearcher(Searcher):
    """Stands for the searcher where the rest of Tune's state is read."""

    def restore_from_dir(self, checkpoint_dir: str) -> None:
        """There is nothing to restore."""


def _lost(value: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The paths of placeholders, options of a choice included."""
    if isinstance(value, tuple) and value[:1] and value[0] in _PLACEHOLDERS:
        yield ".".join(path)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _lost(item, (*path, str(key)))
    elif isinstance(value, list | tuple | Categorical):
        for index, item in enumerate(value.categories if isinstance(value, Categorical) else value):
            yield from _lost(item, (*path, str(index)))
