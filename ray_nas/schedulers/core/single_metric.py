"""The one metric that a scheduler optimises."""

import math
from collections.abc import Mapping
from typing import Any

from ray.tune.result import DEFAULT_METRIC

from ray_nas.checks import check_mode, number


class SingleMetric:
    """Reads a metric such that larger is better.

    Args:
        name: The metric; None to take Tune's.
        mode: "min" or "max"; None to take Tune's.

    Raises:
        ValueError: The mode is something else.

    Example:
        >>> metric = SingleMetric("loss", "min")
        >>> metric.value({"loss": 0.5}), metric.as_reported(-0.5)
        (-0.5, 0.5)
    """

    def __init__(self, name: str | None, mode: str | None) -> None:
        if mode is not None:
            check_mode("mode", mode)
        self.name = name
        self.mode = mode

    def merge(self, name: str | None, mode: str | None) -> bool:
        """Adds Tune's metric and mode.

        Returns:
            False if both sides gave a metric or both a mode; Tune then raises an error.
        """
        if (self.name and name) or (self.mode and mode):
            return False
        self.name = self.name or name
        self.mode = self.mode or mode
        if self.name is None and self.mode:
            self.name = DEFAULT_METRIC
        return True

    def check(self, owner: str) -> None:
        """Checks that metric and mode are known.

        Args:
            owner: The scheduler's class name, for the message.

        Raises:
            ValueError: One of them is missing.
        """
        if self.name is None or self.mode is None:
            missing = "metric" if self.name is None else "mode"
            raise ValueError(
                f'{owner} has no {missing}: give it one, e.g. metric="accuracy", mode="max", or '
                "give both to Tune"
            )

    def value(self, result: Mapping[str, Any]) -> float | None:
        """The metric in a result, negated if smaller is better.

        Returns:
            None if the metric was not reported; NaN if it is not a finite number.
        """
        reported = result.get(self.name) if self.name is not None else None
        if reported is None:
            return None
        value = number(reported)
        if value is None or not math.isfinite(value):
            return math.nan
        return value if self.mode == "max" else -value

    def as_reported(self, value: float) -> float:
        """Converts a value of which larger is better back to the metric's own sign."""
        return value if self.mode == "max" else -value
