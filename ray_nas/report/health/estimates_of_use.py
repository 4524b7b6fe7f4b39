"""Were the scores that steered this search of any use here?

Scores of a warm start (proxies, predictors) are compared with the results. Only candidates with
high scores become trials, so the correlation is a lower bound; it is corrected for that like the
rungs of early stopping.
"""

import json
import math
from typing import Final

import numpy as np

from ray_nas.record.events import CandidatesScored, ScoresAudited
from ray_nas.report.evidence import Evidence
from ray_nas.report.evidence.signal_test import fisher_interval, normal_scores
from ray_nas.report.evidence.wording import Interval
from ray_nas.report.health.check import HealthCheck
from ray_nas.report.health.early_stopping import corrected

NAME: Final = "scores of use here"
MIN_TRIALS: Final = 10
USELESS: Final = 0.2
"""A score that correlates by less is hardly better than drawing at random."""
_REMEDY: Final = (
    "Search without the scores, or with others: ray_nas.estimators.report compares them on this "
    "search."
)


def check(evidence: Evidence) -> HealthCheck:
    """Warns if the scores were dropped, or surely correlate by less than 0.2."""
    scored, audits = evidence.record.scored, evidence.record.audits
    if scored is None and not audits:
        return HealthCheck(NAME, "missing", "The search used no scores.")
    if audits and audits[-1].dropped:
        finding = f"The search dropped its scores. {_audited(audits[-1])}"
        return HealthCheck(NAME, "warn", finding, _REMEDY)
    found = None if scored is None else _correlation(evidence, scored)
    if found is None:
        told = _audited(audits[-1]) if audits else f"Fewer than {MIN_TRIALS} results have a score."
        status = "pass" if audits and audits[-1].low > 0 else "missing"
        return HealthCheck(NAME, status, told)  # type: ignore[arg-type]
    name = scored.score if scored else ""
    finding = f"{name} correlates with the results by {found} (ranks, 95 % interval)."
    if found.high < USELESS:
        return HealthCheck(NAME, "warn", finding, _REMEDY)
    if found.low > 0:
        return HealthCheck(NAME, "pass", finding)
    return HealthCheck(NAME, "missing", f"Not decided. {finding}", "Run more trials.")


def _correlation(evidence: Evidence, scored: CandidatesScored) -> Interval | None:
    """Over the trials of full length that were candidates, corrected for their having been best."""
    scores = {
        _key(config): score for config, score in zip(scored.configs, scored.scores, strict=True)
    }
    full = evidence.full
    own = [scores.get(_key(trial.config), math.nan) for trial in full.trials]
    known = np.isfinite(own)
    if known.sum() < MIN_TRIALS:
        return None
    everyone = np.array([score for score in scored.scores if math.isfinite(score)])
    ranks = dict(zip(everyone.tolist(), normal_scores(everyone).tolist(), strict=True))
    early = np.array([ranks[score] for score in np.array(own)[known].tolist()])
    late = normal_scores(full.quality[known])
    if np.ptp(early) == 0 or np.ptp(late) == 0:
        return None
    ratio = max(1.0, float(normal_scores(everyone).std() / early.std()))
    plain = fisher_interval(float(np.corrcoef(early, late)[0, 1]), len(early))
    return Interval(*(corrected(end, ratio) for end in plain))


def _audited(audit: ScoresAudited) -> str:
    return (
        f"After {audit.results} results their rank correlation was {audit.correlation:.2f} "
        f"[{audit.low:.2f}, {audit.high:.2f}] (90 % interval)."
    )


def _key(config: dict[str, object]) -> str:
    return json.dumps(config, sort_keys=True)
