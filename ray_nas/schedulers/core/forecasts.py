"""Forecasts each trial's final value, and says whether the forecasts may stop trials."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from statistics import median
from typing import Any, Final, TypeAlias

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.estimators.curves import MIN_CURVES, CurveForecaster, config_encoder
from ray_nas.schedulers.core.contenders import Contenders, Forecast
from ray_nas.schedulers.core.earlier_curves import TrialCurve
from ray_nas.schedulers.core.sorted_values import SortedValues
from ray_nas.spaces import SearchSpace

Config: TypeAlias = Mapping[str, Any]

_REFIT_GROWTH: Final = 1.1
"""The models are fitted again when there are this many times as many finished curves."""
_MAX_COMPARED: Final = 50
_MIN_COMPARED: Final = 8
_MAX_SURPRISE: Final = 2.0
"""Forecasts are trusted while the median trial is at most this many standard deviations away from
what its encoding predicts, over the latest `_MIN_COMPARED` to `_MAX_COMPARED` trials."""
_LANDMARK_RATIO: Final = 1.2
"""Costly forecasts are made only when a trial's budget passes a power of this."""


class CurveForecasts:
    """The learning curves of an experiment, and a forecast of each trial's value at full length.

    Larger values are better. The models are fitted to finished curves, those of earlier experiments
    included, once there are `MIN_CURVES`.

    Args:
        max_t: Full length, in units of the curves' times.
        space: Encodes configs; None encodes their flat values.
        prior: Configs and finished curves of earlier experiments.

    Example:
        >>> prior = [({"x": x}, [(t, x * t) for t in range(1, 9)]) for x in range(40)]
        >>> forecasts = CurveForecasts(8, None, prior)
        >>> forecasts.add_trial("a", {"x": 20})
        >>> forecasts.report("a", time=1, value=20.0)
        >>> forecasts.update("a"), 150 < forecasts.expected("a") < 170
        (True, True)
        >>> forecasts.why_not_trusted
        'fewer than 8 trials to compare with the curves learnt from'
    """

    def __init__(
        self, max_t: float, space: SearchSpace | None, prior: Sequence[TrialCurve]
    ) -> None:
        self._max_t = max_t
        self._space = space
        self._prior = list(prior)
        self._configs: dict[str, Config] = {}
        self._curves: dict[str, list[tuple[float, float]]] = {}
        self._finished: list[str] = []
        """Trials that reached full length, in order."""
        self._stopped: set[str] = set()
        """Trials that failed or were stopped, and have not run again since."""
        self._clear_forecasts()

    def _clear_forecasts(self) -> None:
        self._model: CurveForecaster | None = None
        self._encode_values: Callable[[Config], Array] | None = None
        self._baselines: dict[str, Array] = {}
        """What each trial's encoding alone predicts."""
        self._fitted_on: list[str] | None = None
        """The finished trials of this experiment in the last fit; None before the first."""
        self._surprises: dict[str, float] = {}
        """How far the latest trials' curves are from what their encodings predict."""
        self._expected = SortedValues()
        """The mean of the last forecast of every trial, stopped ones included."""
        self._contenders = Contenders()

    # Trials and their reports.

    def add_trial(self, trial_id: str, config: Config) -> None:
        """Adds a trial."""
        self._configs[trial_id] = config

    def report(self, trial_id: str, time: float, value: float) -> None:
        """Adds a report to a trial's curve.

        It replaces reports at the same or a later time: those of an attempt that was retried.

        Args:
            trial_id: The trial.
            time: Budget used so far, above 0.
            value: NaN for a value that is not finite.
        """
        self._stopped.discard(trial_id)
        curve = self._curves.setdefault(trial_id, [])
        while curve and curve[-1][0] >= time:
            curve.pop()
        curve.append((time, value))

    def update(self, trial_id: str) -> bool:
        """Forecasts a trial's final value from its curve, if that is possible and worth its cost.

        Returns:
            Whether there is a new forecast.
        """
        self._fit_if_due()
        if self._model is None:
            return False
        curve = self._curves[trial_id]
        has_forecast = trial_id in self._baselines and len(curve) > 1
        if has_forecast and not self._model.cheap and not _is_landmark(curve[-2][0], curve[-1][0]):
            return False
        self._forecast(trial_id)
        return True

    def finish(self, trial_id: str) -> None:
        """A trial reached full length: the models may learn from its curve."""
        self._finished.append(trial_id)
        self.end(trial_id)

    def end(self, trial_id: str) -> None:
        """A trial ended by itself: its last value is its final one, NaN if it diverged."""
        self._contenders.discard(trial_id)
        value = self._curves[trial_id][-1][1]
        if math.isfinite(value) and self._model is not None:
            self._set_forecast(trial_id, Forecast(value, 0.0))

    def remove_contender(self, trial_id: str) -> None:
        """A trial failed or was stopped: it can no longer turn out best, unless it runs again."""
        self._stopped.add(trial_id)
        self._contenders.discard(trial_id)

    def remove_trials(self, trial_ids: Collection[str]) -> None:
        """Removes all data of trials that are no longer in the experiment."""
        for trial_id in trial_ids:
            self._stopped.discard(trial_id)
            self._contenders.discard(trial_id)
            self._expected.discard(trial_id)
            self._surprises.pop(trial_id, None)
            self._baselines.pop(trial_id, None)
            self._curves.pop(trial_id, None)
        self._finished = [trial_id for trial_id in self._finished if trial_id not in trial_ids]

    # Forecasts.

    @property
    def are_trusted(self) -> bool:
        """Whether a trial may be stopped on a forecast."""
        if self._model is None or not self._model.calibrated:
            return False
        is_enough = len(self._surprises) >= _MIN_COMPARED
        return is_enough and median(self._surprises.values()) <= _MAX_SURPRISE

    @property
    def why_not_trusted(self) -> str:
        """Why no trial may be stopped on a forecast, for the reason of a stop without one."""
        if self._model is None:
            return f"fewer than {MIN_CURVES} finished curves"
        if not self._model.calibrated:
            return f"finished curves are {self._model.spread:.1f} times as far off as forecast"
        if len(self._surprises) < _MIN_COMPARED:
            return f"fewer than {_MIN_COMPARED} trials to compare with the curves learnt from"
        deviations = median(self._surprises.values())
        return f"these curves are not like those learnt from ({deviations:.1f} deviations)"

    def is_contender(self, trial_id: str) -> bool:
        """Whether a trial may still turn out best, as far as it has a forecast."""
        return trial_id in self._contenders

    def win_probability(self, trial_id: str) -> tuple[float, str | None]:
        """The probability that a contender ends above the best other one, and that one's id.

        (1.0, None) if there is no other.
        """
        return self._contenders.win_probability(trial_id)

    def expected(self, trial_id: str) -> float:
        """The mean of a trial's last forecast."""
        return self._expected.values[trial_id]

    def cutoff(self, trial_id: str, share: float) -> float | None:
        """The forecast that puts a trial among the best of all that have begun.

        Args:
            trial_id: The trial.
            share: How many are among the best, as a share of all, in [0, 1].

        Returns:
            None if no other trial has a forecast.
        """
        return self._expected.quantile(1 - share, without=trial_id)

    # State.

    def get_state(self) -> dict[str, Any]:
        """Returns JSON values. Models are left out: they are fitted again to the same curves."""
        return {
            "curves": {
                trial_id: [[time, None if math.isnan(value) else value] for time, value in curve]
                for trial_id, curve in self._curves.items()
            },
            "finished": list(self._finished),
            "stopped": sorted(self._stopped),
            "fitted_on": self._fitted_on,
            "surprises": dict(self._surprises),
            "expected": dict(self._expected.values),
            "contenders": self._contenders.get_state(),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restores a state returned by `get_state`; the configs come with `add_trial`."""
        self._clear_forecasts()
        self._curves = {
            trial_id: [(time, math.nan if value is None else value) for time, value in curve]
            for trial_id, curve in state["curves"].items()
        }
        self._finished = list(state["finished"])
        self._stopped = set(state["stopped"])
        self._fitted_on = state["fitted_on"]
        self._surprises = dict(state["surprises"])
        self._expected = SortedValues(state["expected"])
        self._contenders.set_state(state["contenders"])

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out the models, which are fitted again: for Tune's `tuner.pkl`."""
        return {**self.__dict__, "_model": None, "_encode_values": None, "_baselines": {}}

    # Models.

    def _fit_if_due(self) -> None:
        if self._fitted_on is not None and self._model is None:
            self._fit_after_restore(self._fitted_on)
        fitted = len(self._prior) + len(self._fitted_on or ())
        finished = len(self._prior) + len(self._finished)
        if finished < MIN_CURVES:
            return
        if self._fitted_on is not None and finished < _REFIT_GROWTH * fitted:
            return
        is_first = self._model is None
        self._fit(list(self._finished))
        # Forecasts by the new models; after the first fit those of stopped trials too, as rungs
        # compare a trial with all that have begun
        ended = frozenset(self._finished)
        for trial_id in list(self._curves) if is_first else self._contenders.undecided():
            if trial_id in self._configs and trial_id not in ended:
                self._forecast(trial_id)
        if is_first:
            for trial_id in self._finished:
                self.end(trial_id)

    def _fit_after_restore(self, fitted_on: list[str]) -> None:
        """Fits the models to the same trials as before the restore.

        If Tune has lost too many of them, all is as before the first fit.
        """
        finished = [trial_id for trial_id in fitted_on if trial_id in self._configs]
        if len(self._prior) + len(finished) >= MIN_CURVES:
            self._fit(finished)
        else:
            self._clear_forecasts()

    def _fit(self, finished: list[str]) -> None:
        own = [(self._configs[trial_id], self._curves[trial_id]) for trial_id in finished]
        trials = [*self._prior, *own]
        if self._space is None:
            self._encode_values = config_encoder([config for config, _ in trials])
        encodings = np.stack([self._encode(config) for config, _ in trials])
        self._model = CurveForecaster([curve for _, curve in trials], encodings, self._max_t)
        self._fitted_on = finished
        self._baselines = {}

    def _encode(self, config: Config) -> Array:
        if self._space is not None:
            return self._space.encode(_space_config(self._space, config))
        assert self._encode_values is not None
        return self._encode_values(config)

    def _forecast(self, trial_id: str) -> None:
        assert self._model is not None
        if trial_id not in self._baselines:
            encoding = self._encode(self._configs[trial_id])
            self._baselines[trial_id] = self._model.baseline(encoding)
        baseline = self._baselines[trial_id]
        curve = self._curves[trial_id]
        forecast = Forecast(*self._model.forecast(curve, baseline))
        # The latest trials come last
        self._surprises.pop(trial_id, None)
        self._surprises[trial_id] = self._model.surprise(curve, baseline)
        while len(self._surprises) > _MAX_COMPARED:
            del self._surprises[next(iter(self._surprises))]
        self._set_forecast(trial_id, forecast)

    def _set_forecast(self, trial_id: str, forecast: Forecast) -> None:
        self._expected.set(trial_id, forecast.mean)
        if trial_id not in self._stopped:
            self._contenders.set(trial_id, forecast)


def _is_landmark(before: float, now: float) -> bool:
    """Whether a report is the first at or above a power of `_LANDMARK_RATIO`."""
    if before <= 0:
        return True
    log = math.log(_LANDMARK_RATIO)
    return math.floor(math.log(now) / log) > math.floor(math.log(before) / log)


def _space_config(space: SearchSpace, config: Config) -> dict[str, Any]:
    """The space's part of a trial's config: at its top, under a key, or with dotted names.

    Records have dotted names.

    Raises:
        ValueError: There is no valid config of the space.
    """
    parts = [config, *(value for value in config.values() if isinstance(value, Mapping))]
    parts.append({name.rpartition(".")[2]: value for name, value in config.items()})
    for part in parts:
        own = space.from_tune(part)
        if own and space.is_valid(own):
            return own
    raise ValueError(
        f"space {space!r} does not recognise the config {dict(config)}; leave space out to use the "
        "config's own values"
    )
