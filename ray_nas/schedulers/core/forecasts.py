"""What is expected of every trial of an experiment: fits the curve models when it pays, and
knows whether to be believed.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ray_nas.estimators.curves import MIN_CURVES, Curve, CurveForecaster, config_encoder
from ray_nas.schedulers.core.earlier_curves import EarlierTrial
from ray_nas.schedulers.core.sorted_values import Ranking
from ray_nas.spaces import SearchSpace

Floats = npt.NDArray[np.float64]
Config = Mapping[str, Any]

_GROWTH: Final = 1.1
"""The models are fitted again when there are this many times as many finished curves."""
_LOOKED_AT: Final = 50
_ENOUGH: Final = 8
_SURPRISED: Final = 2.0
"""The forecasts are believed while the latest trials' median deviation from what their encodings
said is below this many standard deviations, over at least `_ENOUGH` and at most `_LOOKED_AT`
trials."""


class Foresight:
    """Forecasts of the value at full length; larger is better.

    Args:
        max_t: Full length.
        space: Encodes configs; None takes their flat values.
        prior: Finished trials of earlier experiments.
    """

    def __init__(
        self, max_t: float, space: SearchSpace | None, prior: Sequence[EarlierTrial]
    ) -> None:
        self._max_t, self._space, self._prior = max_t, space, list(prior)
        self._model: CurveForecaster | None = None
        self._encode: Callable[[Config], Floats] = lambda config: np.zeros(0)
        self._baselines: dict[str, Floats] = {}
        self._fitted_on: list[str] | None = None
        """The finished trials of this experiment that the models have learnt from; None if there
        is no model.
        """
        self._surprises: dict[str, float] = {}
        self._expected = Ranking()
        """The last forecast of every trial, stopped ones included."""
        self._contenders = Ranking()
        """The mean of the trials that may still be the best: those that go on or have finished."""
        self._variances: dict[str, float] = {}
        """Theirs."""

    @property
    def trusted(self) -> bool:
        """Whether a trial may be stopped on a forecast."""
        if self._model is None or not self._model.calibrated or len(self._surprises) < _ENOUGH:
            return False
        return median(self._surprises.values()) <= _SURPRISED

    @property
    def doubt(self) -> str:
        """Why the forecasts are not believed, for the record."""
        if self._model is None:
            return f"fewer than {MIN_CURVES} finished curves"
        if not self._model.calibrated:
            return f"finished curves are {self._model.spread:.1f} times as far off as forecast"
        if len(self._surprises) < _ENOUGH:
            return f"fewer than {_ENOUGH} trials to compare with the curves learnt from"
        return f"these curves are not like those learnt from ({median(self._surprises.values()):.1f} deviations)"

    def look(
        self,
        trial_id: str,
        curves: Mapping[str, Curve],
        configs: Mapping[str, Config],
        finished: Sequence[str],
    ) -> bool:
        """Takes a new report of a trial into account.

        Args:
            trial_id: The trial.
            curves: The curve of every trial.
            configs: The config of every trial.
            finished: The trials that have reached full length, in order.

        Returns:
            Whether there is a new forecast of it.
        """
        self._fit_if_due(curves, configs, finished)
        if self._model is None:
            return False
        curve = curves[trial_id]
        if (
            trial_id in self._baselines
            and not self._model.cheap
            and len(curve) > 1
            and not _is_landmark(curve[-2][0], curve[-1][0])
        ):
            return False
        self._forecast(trial_id, curve, configs[trial_id])
        return True

    def chance(self, trial_id: str) -> tuple[float, str | None]:
        """The probability that a trial ends above the best other contender, and that one's id
        (None if there is none).
        """
        best = self._contenders.best(without=trial_id)
        if best is None:
            return 1.0, None
        mean, (rival_mean, rival) = self._contenders.values[trial_id], best
        total = math.sqrt(self._variances[trial_id] + self._variances[rival])
        if total == 0.0:
            return float(mean >= rival_mean), rival
        return 0.5 * math.erfc((rival_mean - mean) / (total * math.sqrt(2))), rival

    def expected(self, trial_id: str) -> float:
        """The last forecast of a trial."""
        return self._expected.values[trial_id]

    def cutoff(self, trial_id: str, share: float) -> float | None:
        """What a trial's forecast must reach to be among the best `share` of all that have
        begun.
        """
        return self._expected.quantile(1 - share, without=trial_id)

    def is_contender(self, trial_id: str) -> bool:
        """Whether a trial may still be the best, as far as there is a forecast of it."""
        return trial_id in self._variances

    def settle(self, trial_id: str, value: float) -> None:
        """A trial has ended with this value (NaN: it is no contender)."""
        self.drop(trial_id)
        if math.isfinite(value) and self._model is not None:
            self._contend(trial_id, value, 0.0)

    def drop(self, trial_id: str) -> None:
        """A trial was stopped early: it is no contender."""
        self._contenders.discard(trial_id)
        self._variances.pop(trial_id, None)

    def forget(self, trial_ids: set[str]) -> None:
        """Drops what is known of trials that are no longer in the experiment."""
        for trial_id in trial_ids:
            self.drop(trial_id)
            self._expected.discard(trial_id)
            self._surprises.pop(trial_id, None)
            self._baselines.pop(trial_id, None)

    def _contend(self, trial_id: str, mean: float, variance: float) -> None:
        self._expected.set(trial_id, mean)
        self._contenders.set(trial_id, mean)
        self._variances[trial_id] = variance

    def get_state(self) -> dict[str, Any]:
        """JSON values; the models are fitted again to the same curves when they are next needed."""
        return {
            "fitted_on": self._fitted_on,
            "surprises": dict(self._surprises),
            "expected": dict(self._expected.values),
            "contenders": {
                trial_id: [self._contenders.values[trial_id], variance]
                for trial_id, variance in self._variances.items()
            },
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Takes what `get_state` gave."""
        self._model, self._baselines = None, {}
        self._fitted_on = state["fitted_on"]
        self._surprises, self._expected = dict(state["surprises"]), Ranking(state["expected"])
        self._contenders = Ranking(
            {trial_id: mean for trial_id, (mean, _) in state["contenders"].items()}
        )
        self._variances = {
            trial_id: variance for trial_id, (_, variance) in state["contenders"].items()
        }

    def _fit_if_due(
        self, curves: Mapping[str, Curve], configs: Mapping[str, Config], finished: Sequence[str]
    ) -> None:
        if self._fitted_on is not None and self._model is None:
            self._fit_again(
                curves, configs, [trial_id for trial_id in self._fitted_on if trial_id in configs]
            )
        known = len(self._prior) + len(self._fitted_on or ())
        total = len(self._prior) + len(finished)
        if total < MIN_CURVES or (self._fitted_on is not None and total < _GROWTH * known):
            return
        first = self._model is None
        self._fit(curves, configs, list(finished))
        over = frozenset(finished)
        for trial_id in list(curves if first else self._variances):
            if (
                trial_id in configs
                and trial_id not in over
                and (first or self._variances[trial_id] > 0)
            ):
                self._forecast(trial_id, curves[trial_id], configs[trial_id])
        if first:
            for trial_id in finished:
                self.settle(trial_id, curves[trial_id][-1][1])

    def _fit_again(
        self, curves: Mapping[str, Curve], configs: Mapping[str, Config], finished: list[str]
    ) -> None:
        """After a restore, to the same trials as before; if Tune has lost too many of them, all
        is as before the first fit.
        """
        if len(self._prior) + len(finished) >= MIN_CURVES:
            self._fit(curves, configs, finished)
        else:
            self._fitted_on, self._surprises, self._variances = None, {}, {}
            self._expected, self._contenders = Ranking(), Ranking()

    def _fit(
        self, curves: Mapping[str, Curve], configs: Mapping[str, Config], finished: list[str]
    ) -> None:
        trials = [*self._prior, *((configs[trial_id], curves[trial_id]) for trial_id in finished)]
        if self._space is None:
            self._encode = config_encoder([config for config, _ in trials])
        else:
            space = self._space
            self._encode = lambda config: space.encode(_own_part(space, config))
        codes = np.stack([self._encode(config) for config, _ in trials])
        self._model = CurveForecaster([curve for _, curve in trials], codes, self._max_t)
        self._fitted_on, self._baselines = finished, {}

    def _forecast(self, trial_id: str, curve: Curve, config: Config) -> None:
        assert self._model is not None
        if trial_id not in self._baselines:
            self._baselines[trial_id] = self._model.baseline(self._encode(config))
        baseline = self._baselines[trial_id]
        mean, variance = self._model.forecast(curve, baseline)
        self._surprises.pop(trial_id, None)
        self._surprises[trial_id] = self._model.surprise(curve, baseline)
        while len(self._surprises) > _LOOKED_AT:
            del self._surprises[next(iter(self._surprises))]
        self._contend(trial_id, mean, variance)

    def __getstate__(self) -> dict[str, Any]:
        """For Tune's `tuner.pkl`: models are fitted again."""
        return {**self.__dict__, "_model": None, "_encode": None, "_baselines": {}}


def _is_landmark(before: float, now: float) -> bool:
    """Whether a report is the first at or above a power of 1.2: costly forecasts are made there
    alone.
    """
    return before <= 0 or math.floor(math.log(now) / math.log(1.2)) > math.floor(
        math.log(before) / math.log(1.2)
    )


def _own_part(space: SearchSpace, config: Config) -> dict[str, Any]:
    """The space's config inside of a trial's: at its top, under a key, or with dotted names, as
    a record has it.
    """
    parts = [config, *(value for value in config.values() if isinstance(value, Mapping))]
    parts.append({name.rpartition(".")[2]: value for name, value in config.items()})
    for part in parts:
        own = space.from_tune(part)
        if own and space.is_valid(own):
            return own
    raise ValueError(
        f"space {space!r} does not recognise the config {dict(config)}; leave space out to use the config's own values"
    )
