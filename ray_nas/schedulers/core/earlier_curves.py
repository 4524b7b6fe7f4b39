"""Finished curves of earlier experiments, for schedulers that learn from them."""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from ray_nas.record.earlier_trials import CurveSource, earlier_curves
from ray_nas.record.experiment import Curve

Prior: TypeAlias = "CurveSource | Sequence[CurveSource]"
TrialCurve: TypeAlias = tuple[dict[str, Any], Curve]
"""A config and its learning curve; larger values are better."""


def read_prior(
    prior: Prior, time_attr: str, metric: str, mode: str, max_t: float
) -> list[TrialCurve]:
    """Returns the curves that reach `max_t` or diverged before.

    Args:
        prior: An `ExperimentRecord`, the path of one, a data frame with one row per report (the
            columns `trial`, `time_attr` and `metric`, and one for each parameter), or a list of
            these.
        time_attr: Name of the metric that counts the budget.
        metric: Name of the metric.
        mode: "min" or "max".
        max_t: Full length; later reports are ignored.

    Raises:
        TypeError: The prior is something else.
        ValueError: A column is missing, or no curve is long enough.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame(
        ...     {"trial": 0, "depth": 2, "epoch": [1, 2, 3], "loss": [0.9, 0.7, 0.6]}
        ... )
        >>> read_prior(frame, "epoch", "loss", "min", max_t=2)
        [({'depth': 2}, [(1.0, -0.9), (2.0, -0.7)])]
    """
    parts = [prior] if isinstance(prior, str) or not isinstance(prior, Sequence) else prior
    sign = 1.0 if mode == "max" else -1.0
    found: list[TrialCurve] = []
    for part in parts:
        for config, reported in earlier_curves(part, time_attr, metric):
            curve = [
                (float(time), sign * value if math.isfinite(value) else math.nan)
                for time, value in reported
                if float(time) <= max_t
            ]
            if curve and (curve[-1][0] >= 0.999 * max_t or math.isnan(curve[-1][1])):
                found.append((config, curve))
    if not found:
        raise ValueError(
            f"prior holds no curve of {metric!r} that reaches max_t = {max_t:g} in {time_attr!r}"
        )
    return found
