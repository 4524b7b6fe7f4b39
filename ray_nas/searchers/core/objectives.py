"""What a search optimises: metrics with their directions, and limits on metrics and costs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ray_nas.checks import Limits, number
from ray_nas.pareto import excess


@dataclass(frozen=True)
class Evaluation:
    """What a report, or a completed trial, is worth."""

    values: tuple[float, ...] = ()
    """The objectives, all to be maximised; empty if they are unusable."""
    violation: float = 0.0
    """By how much reported metrics break their limits; 0 if they keep them."""
    broken: str = ""
    """Which limits they break, as text."""
    unusable: str = ""
    """Why there are no values; empty if there are."""


@dataclass(frozen=True)
class BrokenLimit:
    """A value outside of its limits."""

    name: str
    value: float
    limits: Limits

    def __str__(self) -> str:
        return f"{self.name} = {self.value:g} is outside of {describe_limits(self.limits)}"


@dataclass(frozen=True)
class Objectives:
    """The objectives and the limits of a search.

    Args:
        directions: Metric name to "min" or "max".
        constraints: Name of a cost or a metric to its limits.

    Example:
        >>> objectives = Objectives({"loss": "min"}, {"latency_ms": (None, 5.0)})
        >>> objectives.evaluate({"loss": 0.5, "latency_ms": 6.0}).broken
        'latency_ms = 6 is outside of [-inf, 5]'
    """

    directions: Mapping[str, str]
    constraints: Mapping[str, Limits] = field(default_factory=dict)

    def evaluate(self, metrics: Mapping[str, Any]) -> Evaluation:
        """The values of reported metrics, and which limits they break.

        The violation is the sum of what lies beyond the limits, each relative to its limit (Deb et
        al., 2002, VI-A).

        Args:
            metrics: A flat result.
        """
        values: list[float] = []
        for name, mode in self.directions.items():
            value = _metric(metrics, name)
            if isinstance(value, str):
                return Evaluation(unusable=value)
            values.append(value * (1 if mode == "max" else -1))
        violation = 0.0
        broken: list[str] = []
        for name, limits in self.constraints.items():
            if name not in metrics:
                continue
            value = _metric(metrics, name)
            if isinstance(value, str):
                return Evaluation(unusable=value)
            if is_outside(value, limits):
                broken.append(str(BrokenLimit(name, value, limits)))
                violation += excess(value, limits)
        return Evaluation(tuple(values), violation, "; ".join(broken))

    def broken_limit(self, costs: Mapping[str, float]) -> BrokenLimit | None:
        """The first limit that costs known before training break; None if they keep all."""
        for name, limits in self.constraints.items():
            if name in costs and is_outside(costs[name], limits):
                return BrokenLimit(name, costs[name], limits)
        return None


class ViolationRanges:
    """The ranges of the values that broke limits, for the error if no candidate keeps them."""

    def __init__(self) -> None:
        self._ranges: dict[str, tuple[float, float]] = {}
        self._limits: dict[str, Limits] = {}

    def add(self, broken: BrokenLimit) -> None:
        """Adds a value that broke a limit."""
        low, high = self._ranges.get(broken.name, (broken.value, broken.value))
        self._ranges[broken.name] = (min(low, broken.value), max(high, broken.value))
        self._limits[broken.name] = broken.limits

    def __bool__(self) -> bool:
        return bool(self._ranges)

    def __str__(self) -> str:
        return "; ".join(
            f"{name} must be in {describe_limits(self._limits[name])}, "
            f"the candidates range from {low:g} to {high:g}"
            for name, (low, high) in self._ranges.items()
        )


def is_outside(value: float, limits: Limits) -> bool:
    """Whether a value breaks its limits; NaN breaks all."""
    low, high = limits
    return (
        math.isnan(value)
        or (low is not None and value < low)
        or (high is not None and value > high)
    )


def describe_limits(limits: Limits) -> str:
    """[low, high] as text.

    Example:
        >>> describe_limits((None, 5.0))
        '[-inf, 5]'
    """
    low, high = limits
    return f"[{'-inf' if low is None else f'{low:g}'}, {'inf' if high is None else f'{high:g}'}]"


def _metric(metrics: Mapping[str, Any], name: str) -> float | str:
    """A metric's value, or why it is unusable."""
    if name not in metrics:
        return f"metric {name!r} was not reported"
    value = number(metrics[name])
    if value is None:
        return f"metric {name!r} is not a number: {metrics[name]!r}"
    if not math.isfinite(value):
        return f"metric {name!r} is not finite: {value}"
    return float(value)
