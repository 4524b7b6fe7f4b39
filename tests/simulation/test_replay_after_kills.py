"""An asynchronous search whose driver is killed: every decision comes out equal in its replay."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import replayed

from ray_nas.record import files, load
from ray_nas.record.events import SchedulerStarted
from ray_nas.record.experiment import read_events
from ray_nas.simulation import replay

ROOT = Path(__file__).parents[2]


def lines(folder: Path) -> int:
    """Lines of the record so far, 0 before the first save."""
    found = (folder / "run").glob(files.RECORD_FILES)
    return sum(path.read_bytes().count(b"\n") for path in found)


def run_with_kills(folder: Path, trials: int, scheduler: str, kills: int, seed: int) -> None:
    """Kills the driver so many times, each after a share of the trials, and lets it end."""
    rng = random.Random(seed)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, replayed.__file__, str(folder), str(trials), scheduler]
    with (folder / "output.txt").open("ab") as output:
        for kill in range(1, kills + 1):
            wanted = kill * 5 * trials / (kills + 1)
            driver = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
            while driver.poll() is None and lines(folder) < wanted:
                time.sleep(0.01)
            time.sleep(rng.uniform(0.0, 0.3))
            driver.send_signal(signal.SIGKILL)
            driver.wait()
        subprocess.run(command, env=environment, stdout=output, stderr=output, check=True)


def check(folder: Path, trials: int, scheduler: str, kills: int, seed: int) -> None:
    run_with_kills(folder, trials, scheduler, kills, seed)
    again = replay(folder / "run", space=replayed.space)
    assert (again.difference, again.unchecked) == (None, ""), again.summary()
    assert again.proposals == again.ends == trials
    assert again.stops > trials / 2
    starts = [event for event in read_events(folder / "run") if isinstance(event, SchedulerStarted)]
    assert len(starts) == (1 + kills if scheduler == "ASHA" else 1)
    reasons = {trial.reason.partition(":")[0] for trial in load(folder / "run").trials.values()}
    assert reasons >= {"rung 1", "rung 3"}


def test_all_decisions_of_a_killed_search_come_out_equal(tmp_path: Path) -> None:
    check(tmp_path, 40, "ASHA", kills=1, seed=time.time_ns())


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "scheduler", ["ASHA", "Resumable", "LearningCurveASHA", "MultiObjectiveASHA"]
)
def test_all_decisions_of_500_trials_and_two_kills_come_out_equal(
    scheduler: str, tmp_path: Path
) -> None:
    check(tmp_path, 500, scheduler, kills=2, seed=0)
