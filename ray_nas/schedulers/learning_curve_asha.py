"""Asynchronous successive halving (Li et al., 2020) that foresees:
https://arxiv.org/abs/1810.05934.

The stop on the probability of ending on top follows Domhan et al. (2015),
https://ml.informatik.uni-freiburg.de/papers/15-IJCAI-Extrapolation_of_Learning_Curves.pdf.
"""

import math
from collections.abc import Mapping
from typing import Any

from ray_nas.schedulers.core.earlier_curves import read_prior
from ray_nas.schedulers.core.forecasts import Foresight
from ray_nas.schedulers.core.rungs import Rungs
from ray_nas.schedulers.core.stopping_scheduler import OneMetric, ResumableScheduler, State
from ray_nas.spaces import SearchSpace


class LearningCurveASHA(OneMetric, ResumableScheduler):
    """Asynchronous successive halving that stops a trial once its learning curve leaves it no
    chance.

    At every report after `grace_period` a curve model gives the probability that the trial, at full
    length, ends above the best other trial that goes on or has finished; below `stop_below` it is
    stopped. At a rung, the model's forecast has to be among the best eta^-(k+1) of the forecasts of
    all trials that have begun (k counts rungs from 0): the share that plain successive halving
    would let pass. This holds while the model is trusted: it has foretold finished curves (of the
    prior or of this experiment, at least 20) within the spread it claimed, and the trials here are
    like those it learnt from. Else the rungs are plain ASHA's, on values observed, and the reason
    of a stop says why.

    Args:
        time_attr: The reported figure that counts the budget, e.g. "epoch". Count it in the
            trainable, so that it goes on after a retry; Tune's own `training_iteration` starts
            again at 1. It may start at 0: what is reported there is the value before training,
            which is no part of the learning curve and stops nobody.
        metric: The metric; None takes Tune's.
        mode: "min" or "max"; None takes Tune's.
        max_t: Full length of a trial, R in the paper.
        grace_period: No trial is stopped before; the first rung, r.
        reduction_factor: eta; the best 1 / eta go on at each rung.
        stop_below: The probability below which a trial is stopped; 0 leaves the rungs alone.
        prior: Finished curves of earlier experiments: a record (`ray_nas.record.load`) or its path,
            a long data frame with the columns `trial`, `time_attr`, the metric, and one for each
            parameter, or a list of these.
        space: Encodes the architectures; None takes the flat values of the trials' configs.

    Raises:
        ValueError: An argument breaks a rule; the message names it.
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
        prior: Any = None,
        space: SearchSpace | None = None,
    ) -> None:
        ResumableScheduler.__init__(self, time_attr, max_t)
        self._init_metric(metric, mode)
        if not 0 <= stop_below < 0.5:
            raise ValueError(f"stop_below must be in [0, 0.5), got {stop_below!r}")
        if space is not None and not isinstance(space, SearchSpace):
            raise TypeError(f"space must be a SearchSpace, got {type(space).__name__}")
        self._grace_period, self._eta, self._stop_below = (
            float(grace_period),
            float(reduction_factor),
            stop_below,
        )
        self._prior, self._space = prior, space
        self._prior_read = False
        self._rungs = Rungs(grace_period, max_t, reduction_factor)
        self._curves: dict[str, list[tuple[float, float]]] = {}
        self._configs: dict[str, Mapping[str, Any]] = {}
        self._finished: list[str] = []
        """Trials that reached full length, in order."""
        self._foresight = Foresight(self._max_t, space, ())

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Notes a trial and its config."""
        self._configs[trial.trial_id] = trial.config
        super().on_trial_add(tune_controller, trial)
        self._configs[trial.trial_id] = trial.config  # a second experiment starts from nothing

    def _judge(
        self, trial: Any, time: float, result: Mapping[str, Any], is_new: bool
    ) -> str | None:
        value, trial_id = self._value(result), str(trial.trial_id)
        if value is None or time <= 0:
            return None
        curve = self._curves.setdefault(trial_id, [])
        while curve and curve[-1][0] >= time:
            curve.pop()  # it was retried and starts over, or repeats itself
        curve.append((time, value))
        if not is_new:
            return None
        if time >= self._max_t:
            self._finished.append(trial_id)
            self._foresight.settle(trial_id, value)
            return None
        if math.isnan(value):
            return f"{self._metric} is not finite" if time >= self._grace_period else None
        foreseen = self._foresight.look(trial_id, self._curves, self._configs, self._finished)
        reason = None
        if time >= self._grace_period:
            by_rung = self._judge_rung(
                trial_id, time, value, foreseen
            )  # always, since it keeps the rung's records
            by_chance = (
                self._judge_chance(trial_id) if foreseen and self._foresight.trusted else None
            )
            reason = by_chance or by_rung
        if reason is not None:
            self._foresight.drop(trial_id)
        return reason

    def _judge_chance(self, trial_id: str) -> str | None:
        chance, rival = self._foresight.chance(trial_id)
        if chance >= self._stop_below:
            return None
        return f"extrapolated: ends above trial {rival} with probability {chance:.3f}"

    def _judge_rung(self, trial_id: str, time: float, value: float, foreseen: bool) -> str | None:
        rung = self._rungs.reach(trial_id, time)
        if rung is None:
            return None
        observed = self._rungs.cutoff(rung)
        self._rungs.record(rung, trial_id, value)
        level, foresight = f"rung {self._rungs.levels[rung]:g}", self._foresight
        if foreseen and foresight.trusted:
            share = self._eta ** -(rung + 1)
            cutoff = foresight.cutoff(trial_id, share)
            if cutoff is None or foresight.expected(trial_id) >= cutoff:
                return None
            forecast, cut = self._reported(foresight.expected(trial_id)), self._reported(cutoff)
            return (
                f"{level}: forecast {forecast:g} is not among the best {share:.2g} (cut at {cut:g})"
            )
        if observed is None or value >= observed:
            return None
        own, cut = self._reported(value), self._reported(observed)
        return f"{level}: {own:g} is not among the best 1/{self._eta:g} (cut at {cut:g}); plain ASHA: {foresight.doubt}"

    def _note_last(self, trial_id: str, time: float, result: Mapping[str, Any]) -> None:
        value, rung = self._value(result), self._rungs.reach(trial_id, time)
        if rung is not None and value is not None and math.isfinite(value):
            self._rungs.record(rung, trial_id, value)

    def _end(self, trial_id: str, finished: bool) -> None:
        """One that ends of itself before full length keeps its last value; one that fails or was
        stopped is no rival.
        """
        early = trial_id not in self._stopped and self._foresight.is_contender(trial_id)
        if not finished:
            self._foresight.drop(trial_id)
        elif early:
            self._foresight.settle(trial_id, self._curves[trial_id][-1][1])

    def _check_metric(self) -> None:
        super()._check_metric()
        if self._prior is not None and not self._prior_read:
            curves = read_prior(
                self._prior, self._time_attr, str(self._metric), str(self._mode), self._max_t
            )
            self._foresight = Foresight(self._max_t, self._space, curves)
            self._prior_read = True

    def _own_state(self) -> State:
        curves = {
            trial_id: [[t, None if math.isnan(v) else v] for t, v in curve]
            for trial_id, curve in self._curves.items()
        }
        return {
            "metric": self._metric,
            "mode": self._mode,
            "rungs": self._rungs.get_state(),
            "curves": curves,
            "finished": list(self._finished),
            "foresight": self._foresight.get_state(),
        }

    def _set_own_state(self, state: State) -> None:
        self._metric, self._mode = self._metric or state["metric"], self._mode or state["mode"]
        self._check_metric()
        self._rungs.set_state(state["rungs"])
        self._curves = {
            trial_id: [(t, math.nan if v is None else v) for t, v in curve]
            for trial_id, curve in state["curves"].items()
        }
        self._finished = list(state["finished"])
        self._foresight.set_state(state["foresight"])

    def _own_reset(self) -> None:
        self._rungs = Rungs(self._grace_period, self._max_t, self._eta)
        self._curves, self._configs, self._finished = {}, {}, []
        self._foresight = Foresight(self._max_t, self._space, ())
        self._prior_read = False

    def _forget(self, trial_ids: set[str]) -> None:
        self._rungs.forget(trial_ids)
        self._foresight.forget(trial_ids)
        self._finished = [trial_id for trial_id in self._finished if trial_id not in trial_ids]
        for trial_id in trial_ids & self._curves.keys():
            del self._curves[trial_id]
