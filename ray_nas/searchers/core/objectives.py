"""What a search optimises: metrics with their directions, figures known before training, and
limits on both.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ray.tune.result import AUTO_RESULT_KEYS

from ray_nas.checks import Limits, check_mode, check_objectives, number
from ray_nas.pareto import excess

Costs = Callable[[dict[str, Any]], Mapping[str, float]]
"""Figures of a trial's config that are known before training, e.g. parameters and FLOPs."""
_REMEMBERED: Final = 1_000
"""Configs whose costs are kept: candidates that are looked at, and trials in flight."""

_TUNE_KEYS: Final = frozenset(AUTO_RESULT_KEYS) - {"training_iteration", "time_total_s"} | {
    "done",
    "should_checkpoint",
    "trial_id",
    "experiment_tag",
}


class RememberedCosts:
    """The user's `costs`, asked once for a config, although limits, sizes and rewards all want
    them: it may build a network.

    Args:
        costs: The function.
    """

    def __init__(self, costs: Costs) -> None:
        self._costs = costs
        self._found: dict[str, dict[str, float]] = {}

    def __call__(self, trial_config: dict[str, Any]) -> dict[str, float]:
        """The figures of a trial's config."""
        key = json.dumps(trial_config, sort_keys=True, default=repr)
        if key not in self._found:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            figures = self._costs(trial_config)
            if not isinstance(figures, Mapping) or any(
                number(value) is None for value in figures.values()
            ):
                raise ValueError(
                    f"costs must return a dict of names to numbers, got {figures!r} for {trial_config}"
                )
            self._found[key] = {name: float(value) for name, value in figures.items()}
        return self._found[key]


@dataclass(frozen=True)
class Objectives:
    """The objectives and constraints of a search.

    Args:
        directions: Metric name to "min" or "max".
        constraints: Name of a cost or a metric to its limits.
        costs: The function that gives the figures known before training; called with the trial's
            config.
    """

    directions: Mapping[str, str]
    constraints: Mapping[str, Limits] = field(default_factory=dict)
    costs: Costs | None = None

    def values(self, metrics: Mapping[str, Any]) -> tuple[float, ...]:
        """The objectives as figures to maximise.

        Raises:
            InfeasibleError: One is missing, no number or not finite.
        """
        return tuple(
            _number(metrics, name) * (1 if mode == "max" else -1)
            for name, mode in self.directions.items()
        )

    def violation(self, metrics: Mapping[str, Any]) -> tuple[float, str]:
        """By how much reported metrics break their limits, with the reason as text; (0, "") if they
        keep them.

        The sum of what is beyond the limits, each relative to its limit (Deb et al., 2002, VI-A).

        Raises:
            InfeasibleError: One of them is no number or not finite.
        """
        total, reasons = 0.0, []
        for name, limits in self.constraints.items():
            if name in metrics:
                value = _number(metrics, name)
                try:
                    check_limits(name, value, limits)
                except InfeasibleError as why:
                    reasons.append(str(why))
                    total += excess(value, limits)
        return total, "; ".join(reasons)

    def known_figures(self, trial_config: dict[str, Any]) -> dict[str, float]:
        """The figures of a config before training, within limits or not."""
        return dict(self.costs(trial_config)) if self.costs else {}

    def check_config(self, trial_config: dict[str, Any]) -> None:
        """Raises `InfeasibleError` if a config breaks a limit on what is known before training."""
        figures = self.known_figures(trial_config)
        for name, limits in self.constraints.items():
            if name in figures:
                check_limits(name, figures[name], limits)


class InfeasibleError(Exception):
    """A candidate that counts as none, with the reason as text; `figure` is the (name, value)
    that broke a limit.
    """

    def __init__(self, reason: str, figure: tuple[str, float] | None = None) -> None:
        super().__init__(reason)
        self.figure = figure


class SeenFigures:
    """The range of the figures that broke limits, for the error about constraints that nothing
    meets.
    """

    def __init__(self) -> None:
        self.broken: dict[str, tuple[float, float]] = {}

    def add(self, why: InfeasibleError) -> None:
        """Notes the figure that broke a limit."""
        if why.figure is not None:
            name, value = why.figure
            low, high = self.broken.get(name, (value, value))
            self.broken[name] = (min(low, value), max(high, value))

    def describe(self, constraints: Mapping[str, Limits]) -> str:
        """The limits beside the range of what was seen."""
        return "; ".join(
            f"{name} must be in {describe_limits(constraints[name])}, the candidates looked at reach from {low:g} to {high:g}"
            for name, (low, high) in self.broken.items()
        )


def check_limits(name: str, value: float, limits: Limits) -> None:
    """Raises `InfeasibleError` if the value is outside of its limits, or NaN."""
    low, high = limits
    if (
        math.isnan(value)
        or (low is not None and value < low)
        or (high is not None and value > high)
    ):
        raise InfeasibleError(
            f"{name} = {value:g} is outside of {describe_limits(limits)}", (name, value)
        )


def describe_limits(limits: Limits) -> str:
    """[low, high] with infinite ends left open."""
    low, high = limits
    return f"[{'-inf' if low is None else f'{low:g}'}, {'inf' if high is None else f'{high:g}'}]"


def check_arguments(
    metric: str | None, mode: str | None, objectives: Mapping[str, str] | None
) -> None:
    """Raises a ValueError that names the searcher's argument that breaks a rule."""
    if metric is not None and (not isinstance(metric, str) or not metric):
        raise ValueError(f"metric must be the name of a reported figure, got {metric!r}")
    if mode is not None:
        check_mode("mode", mode)
    if objectives is not None:
        if metric is not None or mode is not None:
            raise ValueError("objectives replaces metric and mode: give either, not both")
        check_objectives(objectives)


def _number(metrics: Mapping[str, Any], name: str) -> float:
    if name not in metrics:
        raise InfeasibleError(f"metric {name!r} was not reported")
    value = number(metrics[name])
    if value is None:
        raise InfeasibleError(f"metric {name!r} is no number: {metrics[name]!r}")
    if not math.isfinite(value):
        raise InfeasibleError(f"metric {name!r} is not finite: {value}")
    return float(value)


def scalars(result: Mapping[str, Any]) -> dict[str, float]:
    """The numbers in a flat result that the user's code reported, and Tune's iteration and time."""
    reported = {
        name: value
        for name, value in result.items()
        if name not in _TUNE_KEYS and not name.startswith("config/")
    }
    return {
        name: figure for name, value in reported.items() if (figure := number(value)) is not None
    }
