"""The driver dies at any moment; after `Tuner.restore` every surviving trial is counted exactly
once.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from ray_nas import record
from ray_nas.record import files as record_files
from ray_nas.record.events import TrialEnded

DRIVER = Path(__file__).parents[1] / "drivers" / "evolve.py"
NUM_SAMPLES = 40


def events(folder: Path) -> int:
    """Lines of the record so far, 0 before the first save."""
    return sum(
        path.read_bytes().count(b"\n")
        for path in (folder / "evolve").glob(record_files.RECORD_FILES)
    )


def kill_and_restore(
    folder: Path, rng: random.Random, kills: int, strategy: str = "evolution"
) -> None:
    """Kills the driver `kills` times, each some time after it has saved something new, and lets
    the last run end.
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(DRIVER), str(folder), str(NUM_SAMPLES), strategy]
    for _ in range(kills):
        before = events(folder)
        driver = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while driver.poll() is None and events(folder) <= before:
            time.sleep(0.01)
        time.sleep(rng.uniform(0.0, 1.5))
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    trials = json.loads(run.stdout.splitlines()[-1])
    lines = check_each_once(folder, trials)
    if strategy == "evolution":
        check_population(folder, trials, lines)


def check_each_once(folder: Path, trials: list[dict]) -> list[dict]:
    assert len(trials) == NUM_SAMPLES
    lines = list(record.read_events(folder / "evolve"))
    ends = Counter(line.trial for line in lines if isinstance(line, TrialEnded))
    assert ends == Counter(trial["trial"] for trial in trials)
    loaded = {
        trial.trial_id: trial for trial in list(record.load(folder / "evolve").trials.values())
    }
    assert {trial["trial"]: trial["config"] for trial in trials} == {
        name: trial.config for name, trial in loaded.items()
    }
    assert all(loaded[trial["trial"]].metrics["score"] == trial["score"] for trial in trials)
    return lines


def check_population(folder: Path, trials: list[dict], lines: list[dict]) -> None:
    assert all(
        trial["score"] == sum("conv" in operation for operation in trial["config"].values()) + 0.3
        for trial in trials
    )
    loaded = {
        trial.trial_id: trial for trial in list(record.load(folder / "evolve").trials.values())
    }
    newest = max((folder / "evolve").glob("searcher-state-*.json"))
    population = json.loads(newest.read_text())["strategy"]["population"]
    last = [line.trial for line in lines if isinstance(line, TrialEnded)][-5:]
    assert list(population.items()) == [(name, loaded[name].metrics["score"]) for name in last]


def test_a_killed_driver_is_restored(tmp_path: Path) -> None:
    kill_and_restore(tmp_path, random.Random(time.time_ns()), kills=1)


def test_paused_trials_of_hyperband_are_restored(tmp_path: Path) -> None:
    pytest.importorskip("hpbandster", reason='the extra "bohb" wants a C compiler')
    kill_and_restore(tmp_path, random.Random(time.time_ns()), kills=1, strategy="bohb")


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_drivers_killed_again_and_again_are_restored(seed: int, tmp_path: Path) -> None:
    kill_and_restore(tmp_path, random.Random(seed), kills=3)
