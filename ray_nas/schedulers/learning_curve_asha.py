"""Asynchronous successive halving (Li et al., 2020) on forecasts of learning curves.

https://arxiv.org/abs/1810.05934. Stopping on the probability of ending best follows Domhan et al.
(2015), https://ml.informatik.uni-freiburg.de/papers/15-IJCAI-Extrapolation_of_Learning_Curves.pdf.
"""

import math
from collections.abc import Collection, Mapping
from typing import Any

from ray.tune.experiment import Trial

from ray_nas.checks import check_float
from ray_nas.schedulers.core.earlier_curves import Prior, read_prior
from ray_nas.schedulers.core.forecasts import CurveForecasts
from ray_nas.schedulers.core.rung_values import RungValues
from ray_nas.schedulers.core.rungs import RungLevels
from ray_nas.schedulers.core.single_metric import SingleMetric
from ray_nas.schedulers.core.stopping_scheduler import StoppingScheduler
from ray_nas.spaces import SearchSpace
from ray_nas.state.attached_state import State


class LearningCurveASHA(StoppingScheduler):
    """Asynchronous successive halving that stops a trial when its learning curve has no chance.

    At every report after `grace_period`, a curve model gives the probability that the trial ends
    above the best other running or finished trial; if it is below `stop_below`, the trial is
    stopped. At rung k, counted from 0, the trial's forecast must be among the best eta^-(k+1) of
    the forecasts of all trials: the share that plain successive halving would let pass.

    Forecasts count while they are trusted: the model has forecast finished curves (at least 20, of
    the prior or of this experiment) within its claimed spread, and the trials are like those it was
    fitted to. Otherwise rungs compare reported values as plain ASHA does, and the reason of a stop
    says why.

    Args:
        time_attr: The metric that counts the budget, e.g. "epoch". Count it in the trainable, so
            that it continues after a retry; Tune's own `training_iteration` starts again at 1. A
            report at 0 or below is ignored: it is the value before training.
        metric: The metric; None takes Tune's.
        mode: "min" or "max"; None takes Tune's.
        max_t: Full length of a trial, R in the paper.
        grace_period: No trial is stopped before; the first rung, r in the paper.
        reduction_factor: eta in the paper; the best 1 / eta continue at each rung.
        stop_below: The probability below which a trial is stopped, in [0, 0.5). With 0, trials are
            stopped at rungs only.
        prior: Finished curves of earlier experiments: a record (`ray_nas.record.load`) or its path,
            a data frame with one row per report (the columns `trial`, `time_attr`, the metric, and
            one for each parameter), or a list of these.
        space: Encodes the architectures; None encodes the flat values of the trials' configs.

    Raises:
        ValueError: An argument breaks a rule; the message names it.
        TypeError: `space` is not a `SearchSpace`.

    Example:
        >>> from ray_nas.schedulers import LearningCurveASHA
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.simulation import simulate
        >>> from ray_nas.spaces import ChainSpace
        >>> def train(config):
        ...     for epoch in range(1, 10):
        ...         yield 1.0, {"accuracy": epoch * len(config), "epoch": epoch}
        >>> scheduler = LearningCurveASHA(time_attr="epoch", max_t=9)
        >>> searcher = RandomSearch(ChainSpace(), metric="accuracy", mode="max", seed=0)
        >>> history = simulate(train, searcher, scheduler, max_trials=5)
        >>> len(scheduler.stopped)
        5
    """

    def __init__(
        self,
        *,
        time_attr: str,
        metric: str | None = None,
        mode: str | None = None,
        max_t: float,
        grace_period: float = 1,
        reduction_factor: float = 3,
        stop_below: float = 0.05,
        prior: "Prior | None" = None,
        space: SearchSpace | None = None,
    ) -> None:
        check_float("stop_below", stop_below, low=0, below=0.5)
        if space is not None and not isinstance(space, SearchSpace):
            raise TypeError(f"space must be a SearchSpace, got {type(space).__name__}")
        self._objective = SingleMetric(metric, mode)
        self._grace_period = grace_period
        self._reduction_factor = reduction_factor
        self._stop_below = stop_below
        self._prior = prior
        self._space = space
        super().__init__(time_attr, max_t)

    def _start_experiment(self) -> None:
        super()._start_experiment()
        rungs = RungLevels(self._grace_period, self._max_t, self._reduction_factor)
        self._rung_values = RungValues(rungs)
        self._forecasts = CurveForecasts(self._max_t, self._space, ())
        self._is_prior_read = False

    @property
    def metric(self) -> str | None:
        """The metric; None before Tune has passed it."""
        return self._objective.name

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Adds Tune's metric and mode.

        Returns:
            False if both sides gave a metric or both a mode; Tune then raises an error.
        """
        return self._objective.merge(metric, mode)

    def _prepare(self) -> None:
        self._objective.check(type(self).__name__)
        if self._prior is not None and not self._is_prior_read:
            name, mode = str(self._objective.name), str(self._objective.mode)
            curves = read_prior(self._prior, self._time_attr, name, mode, self._max_t)
            self._forecasts = CurveForecasts(self._max_t, self._space, curves)
            self._is_prior_read = True

    def _trial_added(self, trial: Trial) -> None:
        self._forecasts.add_trial(trial.trial_id, trial.config)

    def _stop_reason(
        self, trial_id: str, time: float, result: Mapping[str, Any], is_new: bool
    ) -> str | None:
        value = self._objective.value(result)
        if value is None or time <= 0:
            return None
        self._forecasts.report(trial_id, time, value)
        if not is_new:
            return None
        if time >= self._max_t:
            self._forecasts.finish(trial_id)
            return None
        if not math.isnan(value):
            reason = self._judge(trial_id, time, value)
        else:
            reason = f"{self.metric} is not finite" if time >= self._grace_period else None
        if reason is not None:
            self._forecasts.remove_contender(trial_id)
        return reason

    def _judge(self, trial_id: str, time: float, value: float) -> str | None:
        has_forecast = self._forecasts.update(trial_id)
        if time < self._grace_period:
            return None
        if not has_forecast or not self._forecasts.are_trusted:
            return self._judge_value(trial_id, time, value)
        # The rung first in any case: it records the value
        rung_reason = self._judge_forecast(trial_id, time, value)
        return self._judge_probability(trial_id) or rung_reason

    def _judge_value(self, trial_id: str, time: float, value: float) -> str | None:
        """Plain ASHA: compares the reported value with those at the rung."""
        rung = self._rung_values.reached(time, trial_id)
        if rung is None:
            return None
        cutoff = self._rung_values.cutoff(rung)
        self._rung_values.record(rung, trial_id, value)
        if cutoff is None or value >= cutoff:
            return None
        return (
            f"{self._rung_name(rung)}: {self._objective.as_reported(value):g} is not among the "
            f"best 1/{self._rung_values.rungs.eta:g} (cut at "
            f"{self._objective.as_reported(cutoff):g}); plain ASHA: "
            f"{self._forecasts.why_not_trusted}"
        )

    def _judge_forecast(self, trial_id: str, time: float, value: float) -> str | None:
        """At a rung, compares the trial's forecast with those of all trials."""
        rung = self._rung_values.reached(time, trial_id)
        if rung is None:
            return None
        self._rung_values.record(rung, trial_id, value)
        share = self._rung_values.rungs.eta ** -(rung + 1)
        cutoff = self._forecasts.cutoff(trial_id, share)
        expected = self._forecasts.expected(trial_id)
        if cutoff is None or expected >= cutoff:
            return None
        return (
            f"{self._rung_name(rung)}: forecast {self._objective.as_reported(expected):g} is not "
            f"among the best {share:.2g} (cut at {self._objective.as_reported(cutoff):g})"
        )

    def _judge_probability(self, trial_id: str) -> str | None:
        probability, rival = self._forecasts.win_probability(trial_id)
        if probability >= self._stop_below:
            return None
        return f"extrapolated: ends above trial {rival} with probability {probability:.3f}"

    def _rung_name(self, rung: int) -> str:
        return f"rung {self._rung_values.rungs.levels[rung]:g}"

    def _add_last_report(self, trial_id: str, time: float, result: Mapping[str, Any]) -> None:
        value = self._objective.value(result)
        rung = self._rung_values.reached(time, trial_id)
        if rung is not None and value is not None and math.isfinite(value):
            self._rung_values.record(rung, trial_id, value)

    def _trial_ended(self, trial_id: str, failed: bool) -> None:
        ended_by_itself = trial_id not in self._stopped and self._forecasts.is_contender(trial_id)
        if failed:
            self._forecasts.remove_contender(trial_id)
        elif ended_by_itself:
            self._forecasts.end(trial_id)

    def _remove_trials(self, trial_ids: Collection[str]) -> None:
        self._rung_values.remove(trial_ids)
        self._forecasts.remove_trials(trial_ids)

    def _get_extra_state(self) -> State:
        return {
            "metric": self._objective.name,
            "mode": self._objective.mode,
            "rungs": self._rung_values.get_state(),
            "forecasts": self._forecasts.get_state(),
        }

    def _set_extra_state(self, state: State) -> None:
        self._objective.name = self._objective.name or state["metric"]
        self._objective.mode = self._objective.mode or state["mode"]
        self._prepare()
        self._rung_values.set_state(state["rungs"])
        self._forecasts.set_state(state["forecasts"])
