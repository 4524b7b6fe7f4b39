"""A driver is killed and restored: the scheduler remembers everything."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import crash_driver
import numpy as np
import pytest

from ray_nas.schedulers.learning_curve_asha import LearningCurveASHA

DRIVER = Path(crash_driver.__file__)
ROOT = Path(__file__).parents[2]


def start(folder: Path, kind: str) -> subprocess.Popen:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TUNE_GLOBAL_CHECKPOINT_S": "0.5",
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "OMP_NUM_THREADS": "1",
    }
    with (folder / "output.txt").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, str(DRIVER), str(folder), kind],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def log_lines(folder: Path) -> list[dict]:
    path = folder / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def saved_state(folder: Path, kind: str) -> dict:
    """The scheduler's part of the newest snapshot in the experiment's storage."""
    pattern = "searcher-state-*.json" if kind == "ours" else "scheduler-state-*.json"
    paths = list((folder / "run").glob(pattern))
    if not paths:
        return {"reports": 0}
    fields = json.loads(max(paths).read_text())
    return fields["attached"]["Logged"] if kind == "ours" else fields["state"]


def run_with_kills(folder: Path, kind: str, kills: int, seed: int) -> list[dict]:
    """The reports that survived, in order."""
    rng = np.random.default_rng(seed)
    surviving: list[dict] = []
    for session in range(kills + 1):
        seen = len(log_lines(folder))
        process = start(folder, kind)
        target = seen + int(rng.integers(8, 25))
        try:
            while process.poll() is None:
                if session < kills and len(log_lines(folder)) >= target:
                    break
                time.sleep(0.01)
        finally:
            finished = process.poll() is not None
            if not finished:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        new = log_lines(folder)[seen:]
        if finished:  # the last session, or one that finished before it was killed
            assert process.returncode == 0, (folder / "output.txt").read_text()[-3000:]
            return surviving + new
        surviving += new[: saved_state(folder, kind)["reports"] - len(surviving)]
    raise AssertionError


def check(folder: Path, kind: str, kills: int, seed: int) -> None:
    surviving = run_with_kills(folder, kind, kills, seed)

    fresh = crash_driver.make_scheduler()
    fresh.log = folder / "fresh.jsonl"
    assert isinstance(fresh, LearningCurveASHA)
    decisions, added = [], set()
    for event in surviving:
        trial = SimpleNamespace(
            trial_id=event["trial"], config=event["config"], last_result={}, status="RUNNING"
        )
        if event["trial"] not in added:
            added.add(event["trial"])
            fresh.on_trial_add(None, trial)
        result = {"epoch": event["epoch"], "score": event["score"]}
        decisions.append(fresh.on_trial_result(None, trial, result))
        if decisions[-1] == "STOP":  # Tune ends the trial in the same step
            fresh.on_trial_complete(None, trial, result)
    assert decisions == [event["decision"] for event in surviving]
    saved = saved_state(folder, kind)
    replayed = json.loads(json.dumps(fresh.get_state()))
    for field in ("reports", "reached", "stopped", "rungs"):
        assert saved[field] == replayed[field]
    for field in ("finished", "curves"):
        assert saved["forecasts"][field] == replayed["forecasts"][field]
    ends = json.loads((folder / "ends.json").read_text())
    assert len(ends) == crash_driver.NUM_SAMPLES
    for trial_id, epoch in ends.items():
        stopped_at, reason = saved["stopped"][trial_id]
        assert epoch == stopped_at
        assert epoch in (1, 3, crash_driver.MAX_T) or reason.startswith("extrapolated")


@pytest.mark.parametrize("kind", ["ours", "ray"])
def test_kill_once(tmp_path: Path, kind: str) -> None:
    check(tmp_path, kind, kills=1, seed=0)


@pytest.mark.soak
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("kind", ["ours", "ray"])
def test_kill_twenty_times(tmp_path: Path, kind: str) -> None:
    check(tmp_path, kind, kills=20, seed=1)
