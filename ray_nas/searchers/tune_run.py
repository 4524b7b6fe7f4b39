"""The metric and mode given to `tune.run`, where Tune does not hand them to the searcher.

Tune calls `set_search_properties` only if there is a `config` (`param_space`), so that in
`tune.run(train, search_alg=RegularizedEvolution(space), metric="accuracy", mode="max")` the searcher hears of neither.
Both are arguments of the public function `tune.run`, which is on the stack whenever it calls a searcher (`Tuner.fit` and
`Tuner.restore` go through it too): they are read there, and nothing else is. `tests/searchers/test_tune_run.py` fails when
Ray changes this.
"""

import inspect

from ray import tune


def metric_and_mode() -> tuple[str | None, str | None]:
    """What the `tune.run` that is calling was given, or (None, None) outside of one."""
    code = inspect.unwrap(tune.run).__code__
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code is code:
            return frame.f_locals.get("metric"), frame.f_locals.get("mode")
        frame = frame.f_back
    return None, None
