"""Rules for numbers that users give."""

import math
from numbers import Integral, Real
from typing import Any


def check_number(name: str, value: Any, *, at_least: float = -math.inf, above: float = -math.inf, whole: bool = False) -> None:
    """Refuses what is no finite number in a range.

    Raises:
        ValueError: With the argument's name, the rule and the value.
    """
    number = isinstance(value, Integral if whole else Real)
    if not (number and at_least <= value < math.inf and value > above):
        bound = f"at least {at_least:,}" if above == -math.inf else f"above {above:,}"
        raise ValueError(f"{name} must be {bound}, a {'whole' if whole else 'finite'} number, got {value!r}")
