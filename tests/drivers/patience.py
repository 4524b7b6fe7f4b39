"""Starts Ray on a busy machine: Ray's limit of 30 seconds for its first node is fixed."""

import functools
from collections.abc import Callable
from typing import Any


def patient(init: Callable[..., Any]) -> Callable[..., Any]:
    """`ray.init` that retries up to ten times when a node starts too slowly."""

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
