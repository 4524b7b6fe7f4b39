"""How many trials were lost, to what, and with which choice?"""

import json
from collections import Counter
from typing import Final

from scipy.stats import binomtest, fisher_exact

from ray_nas.record import TrialRecord
from ray_nas.report.evidence import Evidence
from ray_nas.report.evidence.wording import counted, percent
from ray_nas.report.health.check import HealthCheck

NAME: Final = "few failures"
SHARE: Final = 0.05
"""Of trials that may fail."""
LEVEL: Final = 0.05


def check(evidence: Evidence) -> HealthCheck:
    """Warns if surely more than one trial in twenty failed; names the causes and the choice."""
    ended = [trial for trial in evidence.record.trials.values() if trial.status != "unfinished"]
    if not ended:
        return HealthCheck(NAME, "missing", "No trial has ended.")
    failed = [trial for trial in ended if trial.status in ("error", "infeasible")]
    if not failed:
        return HealthCheck(NAME, "pass", f"All {counted(len(ended), 'trial')} ended well.")
    causes = Counter(trial.reason or trial.status for trial in failed)
    listed = ", ".join(f"{count} x {cause}" for cause, count in causes.most_common(3))
    share = len(failed) / len(ended)
    finding = f"{len(failed)} of {len(ended)} trials failed ({percent(share)}): {listed}."
    chance = binomtest(len(failed), len(ended), SHARE, alternative="greater").pvalue
    if chance > LEVEL:
        return HealthCheck(NAME, "pass", finding)
    return HealthCheck(NAME, "warn", finding + _common_choice(ended, failed), _remedy(failed))


def _remedy(failed: list[TrialRecord]) -> str:
    """What helps against the most frequent kind of failure."""
    kind = Counter(map(_kind, failed)).most_common(1)[0][0]
    return {
        "memory": "Give costs= with the parameters, so that the searcher learns a limit, or run "
        "trials with retry_with_more_gpu.",
        "not finite": "Lower the learning rate or clip gradients: training diverges.",
        "error": "Read a failed trial's error.txt in the experiment's folder.",
        "limit": "Give the limit as a constraint on costs=, which is checked before training.",
    }[kind]


def _kind(trial: TrialRecord) -> str:
    if "memory" in trial.reason:
        return "memory"
    if trial.status == "error":
        return "error"
    return "not finite" if "finite" in trial.reason else "limit"


def _common_choice(ended: list[TrialRecord], failed: list[TrialRecord]) -> str:
    """The choice that failures have in common, if that is more than chance (Fisher's test)."""
    lost = {trial.trial_id for trial in failed}
    choices = {
        (name, json.dumps(value)) for trial in failed for name, value in trial.config.items()
    }
    tested = []
    for name, text in sorted(choices):
        ids = {one.trial_id for one in ended if json.dumps(one.config.get(name)) == text}
        inside = len(ids & lost), len(ids - lost)
        table = [inside, (len(lost) - inside[0], len(ended) - len(lost) - inside[1])]
        tested.append((float(fisher_exact(table, "greater").pvalue), name, text, inside))
    chance, name, text, (bad, good) = min(tested, default=(1.0, "", "", (0, 0)))
    if chance * len(tested) > LEVEL:
        return ""
    return f" They have {name} = {text} in common: {bad} of {bad + good} such trials failed."
