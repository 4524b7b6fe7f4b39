"""Every scheduler with every searcher, on a virtual clock: the searcher learns of each end."""

import math
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest
from ray.tune.schedulers import ASHAScheduler

from ray_nas.record import load
from ray_nas.schedulers import LearningCurveASHA, MultiObjectiveASHA, Resumable
from ray_nas.searchers.registry import SEARCHERS
from ray_nas.simulation import simulate

MAX_T = 9
TRIALS = 16
NAMES = [name for name in sorted(SEARCHERS) if name != "BOHB" or find_spec("hpbandster")]
SCHEDULERS = {
    "LearningCurveASHA": lambda: LearningCurveASHA(
        time_attr="epoch", metric="score", mode="max", max_t=MAX_T
    ),
    "MultiObjectiveASHA": lambda: MultiObjectiveASHA(
        time_attr="epoch", objectives={"score": "max", "cost": "min"}, max_t=MAX_T
    ),
    "Resumable": lambda: Resumable(
        ASHAScheduler(time_attr="epoch", max_t=MAX_T, grace_period=1, reduction_factor=3)
    ),
}


def curve(config: dict) -> Iterator[tuple[float, dict]]:
    """Rises to a value that is fixed by the config's letters."""
    top = float(
        np.random.default_rng([ord(letter) for letter in str(sorted(config.items()))]).random()
    )
    for epoch in range(1, MAX_T + 1):
        yield 1.0, {"epoch": epoch, "score": top * (1 - math.exp(-epoch / 3)), "cost": 1 - top}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("searcher", NAMES)
def test_a_search_ends_and_all_reports_are_recorded(searcher, scheduler, cells, tmp_path):
    search = SEARCHERS[searcher](cells, metric="score", mode="max", seed=0)
    history = simulate(curve, search, SCHEDULERS[scheduler](), num_workers=4, max_trials=TRIALS)
    lengths = {trial.trial_id: len(trial.results) for trial in history.trials}
    assert len(lengths) == TRIALS
    assert set(lengths.values()) <= {1, 3, MAX_T}  # a rung or full length
    assert len(set(lengths.values())) > 1
    search.save(str(tmp_path / "searcher-state-0.json"))
    recorded = load(tmp_path).trials
    assert {trial_id: len(trial.reports) for trial_id, trial in recorded.items()} == lengths
    assert {trial.status for trial in recorded.values()} == {"completed"}
