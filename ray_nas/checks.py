"""Rules for numbers that users give and report."""

import math
from collections.abc import Mapping
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

Limits = tuple[float | None, float | None]
"""The lowest and the highest value allowed; None for no limit."""


def check_number(
    name: str,
    value: Any,
    *,
    at_least: float = -math.inf,
    above: float = -math.inf,
    whole: bool = False,
) -> None:
    """Refuses what is no finite number in a range.

    Raises:
        ValueError: With the argument's name, the rule and the value.
    """
    number = isinstance(value, Integral if whole else Real)
    if not (number and at_least <= value < math.inf and value > above):
        bound = f"at least {at_least:,}" if above == -math.inf else f"above {above:,}"
        raise ValueError(
            f"{name} must be {bound}, a {'whole' if whole else 'finite'} number, got {value!r}"
        )


def checked_limits(constraints: Mapping[str, Limits] | None) -> dict[str, Limits]:
    """Limits by name, as floats.

    Raises:
        ValueError: One is no pair of numbers in order; the message names it.
    """
    checked: dict[str, Limits] = {}
    for name, limits in (constraints or {}).items():
        if not isinstance(limits, tuple | list) or len(limits) != 2:
            raise ValueError(
                f"constraints[{name!r}] must be a pair (low, high), None for no limit, got {limits!r}"
            )
        if any(
            limit is not None and (number(limit) is None or math.isnan(limit)) for limit in limits
        ):
            raise ValueError(f"constraints[{name!r}] must be numbers or None, got {limits!r}")
        low, high = (None if limit is None else float(limit) for limit in limits)
        if low is not None and high is not None and low > high:
            raise ValueError(f"constraints[{name!r}] must have low <= high, got {limits!r}")
        checked[name] = low, high
    return checked


def number(value: Any) -> int | float | None:
    """A figure as a plain number, from Python, numpy or a tensor of one element; None of truth
    values, text and all else.
    """
    if hasattr(value, "item"):
        try:
            value = value.item()
        except (
            TypeError,
            ValueError,
            RuntimeError,
        ):  # more than one element, or an `item` of another meaning
            return None
    if isinstance(value, int | float):
        return None if isinstance(value, bool) else value
    return float(value) if isinstance(value, Real | Decimal) else None
