"""Nodes that die during a search cost no trial, and count none twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ray_nas import record

DRIVER = Path(__file__).with_name("three_nodes.py")


def search(folder: Path, number: int, seed: int, seconds: float) -> None:
    """Runs the driver, which has a cluster of its own, and checks how it ended."""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    environment["PYTHONPATH"] = os.pathsep.join([str(DRIVER.parents[2]), environment.get("PYTHONPATH", "")])
    command = [sys.executable, str(DRIVER), str(folder), str(number), str(seed)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environment)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    told = json.loads((folder / "told.json").read_text())
    assert told["deaths"] == 2
    assert [(trial["epoch"], trial["error"]) for trial in told["trials"]] == number * [(3, "")]
    ends = [event["trial"] for event in record.events(folder / "run") if event["event"] == "end"]
    assert sorted(ends) == sorted(trial["trial"] for trial in told["trials"])
    trials = record.load(folder / "run").trials
    assert {trial.status for trial in trials} == {"completed"}
    assert len({json.dumps(trial.config, sort_keys=True) for trial in trials}) == number


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_two_of_three_nodes_die(tmp_path: Path) -> None:
    search(tmp_path, 6, seed=1, seconds=280)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(2, 22))
def test_many_times(tmp_path: Path, seed: int) -> None:
    search(tmp_path, 20, seed, seconds=880)
