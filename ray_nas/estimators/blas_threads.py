"""Runs linear algebra of small matrices on one thread.

More threads wait for each other, and take many times as long where trials occupy the cores.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def one_thread(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Limits the BLAS libraries of this process to one thread while `function` runs.

    Example:
        >>> import numpy as np
        >>> @one_thread
        ... def solve(matrix, vector):
        ...     return np.linalg.solve(matrix, vector)
        >>> solve(np.eye(2), np.ones(2)).tolist()
        [1.0, 1.0]
    """

    @wraps(function)
    def limited(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with _controller().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited


@cache
def _controller() -> ThreadpoolController:
    """Created at the first use, when the libraries are loaded."""
    return ThreadpoolController()
