"""Starts Ray on a machine that has much else to do: Ray gives its own first node 30 seconds, and
no setting for more.
"""

import functools
from collections.abc import Callable
from typing import Any


def patient(init: Callable[..., Any]) -> Callable[..., Any]:
    """`ray.init`, tried again where a node was too slow for it; ten times, for what never starts
    must fail.
    """

    @functools.wraps(init)
    def start(*positional: Any, **arguments: Any) -> Any:
        for _ in range(9):
            try:
                return init(*positional, **arguments)
            except Exception as error:
                if "timed out during startup" not in str(error):
                    raise
        return init(*positional, **arguments)

    return start
