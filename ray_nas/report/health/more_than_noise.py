"""Is there more than noise in the results? Configs must predict them better than chance."""

from typing import Final

from ray_nas.report.evidence import Evidence, Level
from ray_nas.report.evidence.signal_test import MIN_TRIALS, Signal, signal_test
from ray_nas.report.evidence.wording import counted, number
from ray_nas.report.health.check import HealthCheck

NAME: Final = "more than noise"
LEVEL: Final = 0.05
_MORE: Final = (
    "Train longer or average several seeds for each trial, widen the space, or check that the "
    "trainable uses every parameter of its config."
)


def check(evidence: Evidence) -> HealthCheck:
    """Warns if no result can be predicted from the trials before it, at any length of training."""
    levels = [level for level in _levels(evidence) if len(level.trials) >= MIN_TRIALS]
    if not levels:
        found = counted(len(evidence.full.trials), "full training")
        finding = f"{found}: at least {MIN_TRIALS} are needed to tell results from noise."
        return HealthCheck(NAME, "missing", finding, f"Run at least {MIN_TRIALS} trials.")
    levels = [level for level in levels if level.varies]
    if not levels:
        finding = "All trials have the same config or the same result: there is nothing to explain."
        return HealthCheck(NAME, "warn", finding, _MORE)
    tests = [_test(evidence, level) for level in levels]
    best = min(range(len(tests)), key=lambda place: tests[place].p_value)
    chance = min(1.0, tests[best].p_value * len(tests))
    finding = _finding(evidence, levels[best], tests[best], chance)
    if chance <= LEVEL:
        return HealthCheck(NAME, "pass", finding)
    return HealthCheck(NAME, "warn", "These results look like noise. " + finding, _MORE)


def _levels(evidence: Evidence) -> list[Level]:
    """Full length first, then the rungs: there are more trials, and fewer were picked."""
    times = evidence.rungs if evidence.has_early_stops else []
    return [evidence.full, *map(evidence.level, reversed(times))]


def _test(evidence: Evidence, level: Level) -> Signal:
    picked = len(level.trials) < len(evidence.trials)
    return signal_test(level.kernel, level.quality, drifts=picked)


def _finding(evidence: Evidence, level: Level, test: Signal, chance: float) -> str:
    where = "" if level.time is None else f" at {evidence.time} {number(level.time)}"
    return (
        f"Predicted from earlier trials alone, the results of {counted(test.trials, 'trial')}"
        f"{where} correlate with the prediction by {test.correlation} (rank correlation, 95 % "
        f"interval). Noise does as well with probability {chance:.2g}."
    )
