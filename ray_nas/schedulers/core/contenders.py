"""Trials that may still turn out best, with a forecast of each one's final value."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from ray_nas.schedulers.core.sorted_values import SortedValues


class Forecast(NamedTuple):
    """A normal distribution over a trial's final value; larger is better."""

    mean: float
    variance: float
    """0 if the final value is known."""


class Contenders:
    """The forecasts of running and finished trials, with the best one at hand.

    Example:
        >>> contenders = Contenders()
        >>> contenders.set("a", Forecast(0.5, 0.01))
        >>> contenders.set("b", Forecast(0.5, 0.0))
        >>> contenders.win_probability("a")
        (0.5, 'b')
    """

    def __init__(self) -> None:
        self._forecasts: dict[str, Forecast] = {}
        self._means = SortedValues()

    def __contains__(self, trial_id: object) -> bool:
        """Whether a trial may still turn out best, as far as it has a forecast."""
        return trial_id in self._forecasts

    def set(self, trial_id: str, forecast: Forecast) -> None:
        """Sets or replaces a trial's forecast."""
        self._forecasts[trial_id] = forecast
        self._means.set(trial_id, forecast.mean)

    def discard(self, trial_id: str) -> None:
        """Removes a trial; an unknown one is ignored."""
        self._forecasts.pop(trial_id, None)
        self._means.discard(trial_id)

    def undecided(self) -> list[str]:
        """The trials whose final values are not known."""
        return [trial_id for trial_id, forecast in self._forecasts.items() if forecast.variance > 0]

    def win_probability(self, trial_id: str) -> tuple[float, str | None]:
        """The probability that a contender ends above the best other one.

        Args:
            trial_id: A contender.

        Returns:
            The probability and the id of the other contender; (1.0, None) if there is no other.
        """
        best = self._means.best(without=trial_id)
        if best is None:
            return 1.0, None
        rival_mean, rival = best
        forecast = self._forecasts[trial_id]
        deviation = math.sqrt(forecast.variance + self._forecasts[rival].variance)
        if deviation == 0.0:
            return float(forecast.mean >= rival_mean), rival
        return 0.5 * math.erfc((rival_mean - forecast.mean) / (deviation * math.sqrt(2))), rival

    def get_state(self) -> dict[str, list[float]]:
        """Returns {trial id: [mean, variance]}, as JSON values."""
        return {trial_id: list(forecast) for trial_id, forecast in self._forecasts.items()}

    def set_state(self, state: Mapping[str, list[float]]) -> None:
        """Restores a state returned by `get_state`."""
        self._forecasts = {trial_id: Forecast(*forecast) for trial_id, forecast in state.items()}
        self._means = SortedValues(
            {trial_id: forecast.mean for trial_id, forecast in self._forecasts.items()}
        )
