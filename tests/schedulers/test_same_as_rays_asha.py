"""The same calls lead to the same decisions as in Ray's ASHA."""

import math
import warnings

import numpy as np
import pytest
from ray.tune.schedulers import ASHAScheduler

from ray_nas.schedulers import LearningCurveASHA

Calls = list[tuple[str, str, dict[str, float]]]


def pair(mode: str, max_t: float, grace_period: float, reduction_factor: float):
    """Ray's scheduler and ours, with the same parameters."""
    common = {"time_attr": "epoch", "metric": "score", "mode": mode, "max_t": max_t}
    more = {"grace_period": grace_period, "reduction_factor": reduction_factor}
    return ASHAScheduler(**common, **more, brackets=1), LearningCurveASHA(
        **common, **more, stop_below=0
    )


def report_times(pattern: str, max_t: int, rng: np.random.Generator) -> list[int]:
    """Epochs at which a trial reports; the last may lie before or beyond `max_t`."""
    if pattern == "random":
        return sorted(
            rng.choice(
                np.arange(1, max_t + 4), size=int(rng.integers(2, max_t)), replace=False
            ).tolist()
        )
    step = {"every": 1, "second": 2, "third": 3}[pattern]
    return list(range(step, max_t + step, step))


def experiment(
    rng: np.random.Generator,
    pattern: str,
    max_t: int,
    nan: bool,
    trials: int = 14,
    workers: int = 4,
):
    """Yields (trial id, result, is the last) of parallel trials; is sent whether it was stopped.

    A third of the trials end by themselves. Values have one decimal, so that many are equal.
    """
    waiting, running, stopped = [f"t{index}" for index in range(trials)], {}, set()
    while waiting or running:
        while waiting and len(running) < workers:
            times = report_times(pattern, max_t, rng)
            keep = int(rng.integers(1, len(times) + 1)) if rng.random() < 0.33 else len(times)
            diverges = int(rng.integers(1, max_t)) if nan and rng.random() < 0.3 else math.inf
            running[waiting.pop(0)] = (times[:keep], float(rng.random()), diverges)
        trial_id = str(rng.choice(sorted(running)))
        times, quality, diverges = running[trial_id]
        epoch = times.pop(0)
        score = (
            math.nan
            if epoch >= diverges
            else round(quality + 0.3 * float(rng.standard_normal()), 1)
        )
        is_stopped = yield trial_id, {"epoch": epoch, "score": score}, not times
        if is_stopped or not times:
            stopped.add(trial_id)
            del running[trial_id]


def decisions(scheduler, events, make_trial, controller) -> list[tuple[str, float, str]]:
    """The decision on each report that Tune would pass to the scheduler."""
    made, trials, stop = [], {}, None
    while True:
        try:
            trial_id, result, is_last = events.send(stop)
        except StopIteration:
            return made
        if trial_id not in trials:
            trials[trial_id] = make_trial(trial_id)
            scheduler.on_trial_add(controller, trials[trial_id])
        stop = False
        if not (is_last and result["epoch"] % 2):  # half of the last reports carry `done`
            decision = scheduler.on_trial_result(controller, trials[trial_id], result)
            made.append((trial_id, result["epoch"], decision))
            stop = decision == "STOP"
        if stop or is_last:
            scheduler.on_trial_complete(controller, trials[trial_id], result)


@pytest.mark.parametrize("pattern", ["every", "second", "third", "random"])
def test_same_decisions_as_rays_asha_when_reports_skip_rungs(pattern, make_trial, controller):
    """1,000 experiments: several reduction factors, grace periods and modes, equal values."""
    stops = 0
    for seed in range(250):
        rng = np.random.default_rng([seed, len(pattern)])
        max_t, eta = int(rng.choice([9, 16, 20, 27])), float(rng.choice([1.5, 2, 3, 4]))
        rays, ours = pair(str(rng.choice(["min", "max"])), max_t, int(rng.integers(1, 4)), eta)
        made = [
            decisions(
                scheduler,
                experiment(np.random.default_rng(seed), pattern, max_t, False),
                make_trial,
                controller,
            )
            for scheduler in (rays, ours)
        ]
        assert made[0] == made[1], f"seed {seed}, max_t {max_t}, eta {eta}"
        stops += sum(decision == "STOP" and epoch < max_t for _, epoch, decision in made[0])
    assert stops > 250


def test_diverged_trials_are_stopped_and_others_judged_as_by_ray(make_trial, controller):
    """Ray continues a trial whose metric is NaN and excludes it from cutoffs; ours stops it."""
    ended = 0
    for seed in range(100):
        rays, ours = pair("max", 20, 1, 2)
        events, trials, over = (
            experiment(np.random.default_rng(seed), "random", 20, True),
            {},
            set(),
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "All-NaN slice")
            stop = None
            while (event := next_event(events, stop)) is not None:
                trial_id, result, is_last = event
                if trial_id not in trials:
                    trials[trial_id] = make_trial(trial_id)
                    for scheduler in (rays, ours):
                        scheduler.on_trial_add(controller, trials[trial_id])
                by_ray = rays.on_trial_result(controller, trials[trial_id], result)
                stop = by_ray == "STOP"
                if trial_id not in over:
                    by_us = ours.on_trial_result(controller, trials[trial_id], result)
                    assert by_us == ("STOP" if math.isnan(result["score"]) else by_ray), (
                        f"seed {seed}"
                    )
                if stop or is_last:
                    rays.on_trial_complete(controller, trials[trial_id], result)
                if trial_id not in over and (stop or is_last or by_us == "STOP"):
                    ours.on_trial_complete(controller, trials[trial_id], result)
                    over.add(trial_id)
                    ended += math.isnan(result["score"])
    assert ended > 50


def next_event(events, stop):
    try:
        return events.send(stop)
    except StopIteration:
        return None
