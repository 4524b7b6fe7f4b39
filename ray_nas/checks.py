"""Checks of arguments and reported values: each raises an error that names what is wrong."""

import math
from collections.abc import Mapping
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

Limits = tuple[float | None, float | None]
"""The lowest and the highest value allowed; None for no limit."""


def check_int(name: str, value: Any, *, low: int | None = None, high: int | None = None) -> None:
    """Raises unless the value is an integer in [low, high].

    Args:
        name: The argument's name, for the message.
        value: Its value; numpy integers are accepted.
        low: The smallest value allowed; None for no limit.
        high: The largest value allowed; None for no limit.

    Raises:
        ValueError: The value is not an integer, or out of range.

    Example:
        >>> check_int("epochs", 0, low=1)
        Traceback (most recent call last):
        ...
        ValueError: epochs must be an integer >= 1, got 0
    """
    bounds = {">=": low, "<=": high}
    if not isinstance(value, Integral) or not _is_within(value, bounds):
        raise ValueError(f"{name} must be an integer{_describe(bounds)}, got {value!r}")


def check_float(
    name: str,
    value: Any,
    *,
    low: float | None = None,
    above: float | None = None,
    high: float | None = None,
    below: float | None = None,
) -> None:
    """Raises unless the value is a finite number in range.

    Args:
        name: The argument's name, for the message.
        value: Its value; integers and numpy numbers are accepted.
        low: The smallest value allowed.
        above: The value must be greater than this.
        high: The largest value allowed.
        below: The value must be less than this.

    Raises:
        ValueError: The value is not a number, not finite, or out of range.

    Example:
        >>> check_float("warmup", 1.0, low=0, below=1)
        Traceback (most recent call last):
        ...
        ValueError: warmup must be a finite number >= 0 and < 1, got 1.0
    """
    bounds = {">=": low, ">": above, "<=": high, "<": below}
    if not (isinstance(value, Real) and math.isfinite(value) and _is_within(value, bounds)):
        raise ValueError(f"{name} must be a finite number{_describe(bounds)}, got {value!r}")


def _is_within(value: Any, bounds: Mapping[str, float | None]) -> bool:
    tests = {
        ">=": lambda bound: value >= bound,
        ">": lambda bound: value > bound,
        "<=": lambda bound: value <= bound,
        "<": lambda bound: value < bound,
    }
    return all(tests[sign](bound) for sign, bound in bounds.items() if bound is not None)


def _describe(bounds: Mapping[str, float | None]) -> str:
    parts = [f" {sign} {bound:,}" for sign, bound in bounds.items() if bound is not None]
    return " and".join(parts)


def check_mode(name: str, value: Any) -> None:
    """Raises unless the value is "min" or "max".

    Raises:
        ValueError: The value is something else; the message names the argument.

    Example:
        >>> check_mode("mode", "maximum")
        Traceback (most recent call last):
        ...
        ValueError: mode must be 'min' or 'max', got 'maximum'
    """
    if value not in ("min", "max"):
        raise ValueError(f"{name} must be 'min' or 'max', got {value!r}")


def check_objectives(objectives: Mapping[str, str]) -> None:
    """Raises unless there is an objective, and each is "min" or "max".

    Raises:
        ValueError: There is none, or one has another direction; the message names it.

    Example:
        >>> check_objectives({"accuracy": "max", "latency_ms": "min"})
    """
    if not objectives:
        raise ValueError("objectives must name at least one metric")
    for name, mode in objectives.items():
        check_mode(f"objectives[{name!r}]", mode)


def checked_limits(constraints: Mapping[str, Limits] | None) -> dict[str, Limits]:
    """Returns limits by metric, as floats.

    Args:
        constraints: Metric name to (low, high), None for no limit. None for no constraints.

    Raises:
        ValueError: A value is not a pair of numbers with low <= high; the message names it.

    Example:
        >>> checked_limits({"params": (None, 1_000_000)})
        {'params': (None, 1000000.0)}
    """
    return {name: _checked_pair(name, limits) for name, limits in (constraints or {}).items()}


def _checked_pair(name: str, limits: Any) -> Limits:
    if not isinstance(limits, tuple | list) or len(limits) != 2:
        raise ValueError(
            f"constraints[{name!r}] must be a pair (low, high), None for no limit, got {limits!r}"
        )
    if not all(limit is None or _is_number(limit) for limit in limits):
        raise ValueError(f"constraints[{name!r}] must be numbers or None, got {limits!r}")
    low, high = (None if limit is None else float(limit) for limit in limits)
    if low is not None and high is not None and low > high:
        raise ValueError(f"constraints[{name!r}] must have low <= high, got {limits!r}")
    return low, high


def _is_number(limit: Any) -> bool:
    return number(limit) is not None and not math.isnan(limit)


def number(value: Any) -> int | float | None:
    """Returns a reported value as a plain number, or None if it is not one.

    Args:
        value: Anything. Numbers of Python and numpy and tensors of one element are numbers; truth
            values and text are not.

    Example:
        >>> import numpy as np
        >>> number(np.float32(0.5)), number("0.5"), number(True)
        (0.5, None, None)
    """
    if hasattr(value, "item"):
        try:
            value = value.item()
        # More than one element, or an `item` that means something else.
        except (TypeError, ValueError, RuntimeError):
            return None
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    return float(value) if isinstance(value, Real | Decimal) else None
