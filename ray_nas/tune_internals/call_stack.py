"""What Tune does not pass to a searcher, read from Tune's frames on the call stack.

`tune.run` calls `set_search_properties` only if it has a `config` (`param_space`). So in
`tune.run(train, search_alg=RegularizedEvolution(space), metric="accuracy", mode="max")` the
searcher never gets the metric and mode. Both are arguments of the public function `tune.run`,
which is on the stack whenever Tune calls a searcher (`Tuner.fit` and `Tuner.restore` call it too).

`tests/tune_internals/test_call_stack.py` fails when Ray changes this.
"""

import inspect
from types import CodeType
from typing import Any

from ray import tune


def metric_and_mode() -> tuple[str | None, str | None]:
    """The metric and mode of the running `tune.run`; (None, None) outside of one."""
    arguments = locals_of(inspect.unwrap(tune.run).__code__)
    return arguments.get("metric"), arguments.get("mode")


def locals_of(code: CodeType) -> dict[str, Any]:
    """The local variables of a function's innermost call on the stack; empty if there is none.

    Example:
        >>> def fit(depth):
        ...     return locals_of(fit.__code__)["depth"]
        >>> fit(3)
        3
    """
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code is code:
            return frame.f_locals
        frame = frame.f_back
    return {}
