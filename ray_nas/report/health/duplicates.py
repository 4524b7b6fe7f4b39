"""Were configs trained twice? Searchers skip duplicates as long as anything new is left."""

import json
import math
from collections import Counter
from typing import Final

from ray_nas.report.evidence import Evidence
from ray_nas.report.evidence.wording import counted, percent
from ray_nas.report.health.check import HealthCheck

NAME: Final = "no training wasted on duplicates"
SHARE: Final = 0.1
"""Of trials that may repeat a config."""


def check(evidence: Evidence) -> HealthCheck:
    """Warns if more than a tenth of the trials repeat a config while others are left."""
    trials = [trial for trial in evidence.record.trials.values() if trial.role == "search"]
    if not trials:
        return HealthCheck(NAME, "missing", "There are no trials.")
    counts = Counter(json.dumps(trial.config, sort_keys=True) for trial in trials)
    repeated = len(trials) - len(counts)
    told = f"{counted(len(trials), 'trial')} trained {counted(len(counts), 'config')}"
    if repeated <= SHARE * len(trials):
        return HealthCheck(NAME, "pass", f"{told}.")
    size = _size(evidence)
    if len(counts) >= size:
        finding = f"{told}, which is the whole space; repeats measure its noise."
        return HealthCheck(NAME, "pass", finding)
    finding = f"{told}: {percent(repeated / len(trials))} repeat an earlier one."
    remedy = "Leave repeats=False unless results are noisy, or widen the space: it may be searched."
    return HealthCheck(NAME, "warn", finding, remedy)


def _size(evidence: Evidence) -> float:
    """The number of configs, without conditions and rules: an upper bound."""
    domains = evidence.domains or {"unknown": {}}
    return math.prod(len(domain.get("values", [])) or math.inf for domain in domains.values())
