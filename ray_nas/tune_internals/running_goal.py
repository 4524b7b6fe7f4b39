"""What the running `tune.run` optimises, for callbacks: Tune tells them nothing of it.

`tests/tune_internals/test_running_goal.py` fails when Ray changes what is relied on.
"""

import inspect

from ray import tune

from ray_nas.tune_internals.call_stack import locals_of
from ray_nas.tune_internals.search_algorithm import innermost_searcher


def running_objectives() -> dict[str, str]:
    """Metric name to "min" or "max", of the searcher or else of Tune; empty outside of Tune."""
    arguments = locals_of(inspect.unwrap(tune.run).__code__)
    searcher = innermost_searcher(arguments.get("search_alg"))
    objectives = getattr(searcher, "objectives", None)
    if isinstance(objectives, dict) and objectives:
        return dict(objectives)
    metric, mode = arguments.get("metric"), arguments.get("mode")
    return {metric: mode} if metric and mode else {}


def running_time_budget() -> float | None:
    """The seconds after which the running `tune.run` ends; None without a limit."""
    arguments = locals_of(inspect.unwrap(tune.run).__code__)
    budget = arguments.get("time_budget_s")
    if budget is None:
        return None
    return float(budget.total_seconds() if hasattr(budget, "total_seconds") else budget)
