"""What Tune knows and does not tell a searcher: the metric and mode given to `tune.run`, and what a
trial died of.

Tune calls `set_search_properties` only if there is a `config` (`param_space`), so that in
`tune.run(train, search_alg=RegularizedEvolution(space), metric="accuracy", mode="max")` the
searcher hears of neither. Both are arguments of the public function `tune.run`, which is on the
stack whenever it calls a searcher (`Tuner.fit` and `Tuner.restore` go through it too): they are
read there.

Of a trial that failed a searcher hears `error=True` and no more; Tune's callbacks get the trial and
its error file, after the searcher was told, and a searcher cannot count on one. The exception is an
argument of the controller's (private) method that calls scheduler and searcher. Where that is not
found, all errors count as alike. `tests/searchers/test_tune_run.py` fails when Ray changes either.
Who drives a searcher without Tune says it by `failing`.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import CodeType
from typing import Any

from ray import tune
from ray.tune.execution.tune_controller import TuneController


def metric_and_mode() -> tuple[str | None, str | None]:
    """What the `tune.run` that is calling was given, or (None, None) outside of one."""
    arguments = _arguments_of(inspect.unwrap(tune.run).__code__)
    return arguments.get("metric"), arguments.get("mode")


def trial_error() -> BaseException | None:
    """The exception that ended the trial whose failure is being told to scheduler and searcher,
    or None outside of that.
    """
    if _failing.get() is not None:
        return _failing.get()
    failure = getattr(TuneController, "_process_trial_failure", None)
    error = _arguments_of(failure.__code__).get("exception") if failure is not None else None
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


def _arguments_of(code: CodeType) -> dict[str, Any]:
    """The local variables of the innermost call of a function that is on the stack; none if it
    is not.
    """
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code is code:
            return frame.f_locals
        frame = frame.f_back
    return {}
