"""A searcher as it shows itself in Jupyter."""

from ray_nas import notebook_html
from ray_nas.record import ExperimentRecord
from ray_nas.searchers.core.problem import SearchProblem


def searcher_html(
    searcher: object, problem: SearchProblem, record: ExperimentRecord, seed: int | None
) -> str:
    """What a searcher optimises, and how far it is, as HTML.

    Args:
        searcher: For the name of its class.
        problem: Its problem.
        record: Its trials.
        seed: Its seed.
    """
    goals = ", ".join(f"{name} ({mode})" for name, mode in problem.directions.items())
    counts = ", ".join(f"{count} {status}" for status, count in record.counts().items())
    space = problem.own_space
    return notebook_html.facts(
        type(searcher).__name__,
        {
            "objectives": goals or "from Tune",
            "space": "from param_space" if space is None else repr(space),
            "seed": seed,
            "trials": counts or "none yet",
        },
    )
