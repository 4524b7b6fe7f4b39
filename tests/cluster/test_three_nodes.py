"""Nodes and a driver that die during a search cost no trial, and count none twice."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from ray_nas import record
from ray_nas.record.events import TrialEnded, TrialResumed
from ray_nas.state import state_file

DRIVER = Path(__file__).with_name("three_nodes.py")


def search(folder: Path, number: int, seed: int) -> None:
    """Runs the script, which has a cluster of its own, and checks how it ended."""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(DRIVER.parents[2]), environment.get("PYTHONPATH", "")]
    )
    command = [sys.executable, str(DRIVER), str(folder), str(number), str(seed)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    told = {
        trial_id: (epoch, error)
        for trial_id, epoch, error in json.loads((folder / "told.json").read_text())
    }
    assert len(told) == number
    assert {error for _, error in told.values()} == {""}
    check_record(folder, told)
    check_states(folder, {trial_id: epoch for trial_id, (epoch, _) in told.items()})
    assert list((folder / "loaded").iterdir())  # nobody starts over who had a checkpoint


def check_record(folder: Path, told: dict[str, tuple[int, str]]) -> None:
    """Every trial ended once, or again after Tune gave it up while it waited for its node."""
    events = list(record.read_events(folder / "run"))
    ends = Counter(event.trial for event in events if isinstance(event, TrialEnded))
    resumed = Counter(event.trial for event in events if isinstance(event, TrialResumed))
    assert ends.keys() == told.keys()
    assert ends - Counter(told.keys()) <= resumed  # a retry that was noticed in time ends once
    trials = list(record.load(folder / "run").trials.values())
    assert {trial.status for trial in trials} == {"completed"}
    assert {trial.trial_id: trial.metrics["epoch"] for trial in trials} == {
        trial_id: epoch for trial_id, (epoch, _) in told.items()
    }
    assert len({json.dumps(trial.config, sort_keys=True) for trial in trials}) == len(told)


def check_states(folder: Path, reached: dict[str, int]) -> None:
    """Searcher and scheduler agree with the record: population and progress of each trial."""
    saved = state_file.read(max((folder / "run").glob("searcher-state-*.json")))
    assert saved["attached"]["LearningCurveASHA"]["reached"] == reached
    scores = {
        trial.trial_id: trial.metrics["score"]
        for trial in list(record.load(folder / "run").trials.values())
    }
    ended = [
        event.trial
        for event in record.read_events(folder / "run")
        if isinstance(event, TrialEnded) and event.status == "completed"
    ]
    assert saved["strategy"]["population"] == {i: scores[i] for i in ended[-3:]}


def test_two_of_three_nodes_die_and_then_the_driver(tmp_path: Path) -> None:
    search(tmp_path, 20, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("seed", range(2, 22))
def test_many_times(tmp_path: Path, seed: int) -> None:
    search(tmp_path, 100, seed)
