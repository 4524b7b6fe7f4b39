"""One-shot search in Tune: the phases in a row, killed and restored."""

import inspect
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import ray
import torch
from one_shot_tuner import one_shot_tuner, small_one_shot
from ray import tune
from torch import nn

from ray_nas import record
from ray_nas.sharing import one_shot_trainable
from ray_nas.spaces import NASBench201

DRIVER = Path(__file__).parents[2] / "drivers" / "one_shot.py"


def has_come_to(phase: str, folder: Path) -> bool:
    """Whether the driver is in the midst of a phase."""
    if phase == "supernet":
        return len(calls(folder)) > 30
    if phase == "evaluate":
        return len(list(folder.glob("search/sub_networks/*.json"))) > 1
    return len({path.parent for path in folder.glob("search/*/checkpoint_*")}) > 1


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    ray.init(address="local", num_cpus=1, num_gpus=0, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def calls(folder: Path) -> str:
    path = folder / "calls"
    return path.read_text() if path.exists() else ""


def is_running(process_id: int) -> bool:
    """Whether it runs; one that has ended and that nobody has asked about does not."""
    try:
        os.kill(process_id, 0)
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # no Linux
        return not Path("/proc/self").exists()


def search(folder: Path, moments: list[Callable[[Path], bool]]) -> dict:
    """Runs the driver, kills it at each of the moments, and lets the last run end."""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(DRIVER.parents[2]), environment.get("PYTHONPATH", "")]
    )
    command = [sys.executable, str(DRIVER), str(folder)]
    for has_come in moments:
        driver = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while driver.poll() is None and not has_come(folder):
            time.sleep(0.01)
        assert driver.poll() is None
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        while any(
            is_running(int(path.name)) for path in (folder / "workers").glob("*")
        ):  # they see that it is gone
            time.sleep(0.05)
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


def check(folder: Path, told: dict, kills: int) -> None:
    assert (told["trials"], told["errors"]) == (6, [])
    (winner,) = told["winners"]
    assert (winner["phase"], winner["epoch"], winner["reported_on"]) == ("retrain", 4, "validation")
    trials = {
        trial.trial_id: trial for trial in list(record.load(folder / "search").trials.values())
    }
    sub_networks = [trial for trial in trials.values() if trial.move != "retrain"]
    (retrained,) = [trial for trial in trials.values() if trial.move == "retrain"]
    assert len(sub_networks) == 20
    assert {trial.status for trial in trials.values()} == {"completed"}
    assert len({json.dumps(trial.config, sort_keys=True) for trial in sub_networks}) == 20
    assert retrained.config == winner["config"] == trials[retrained.parents[0]].config
    best = max(trial.metrics["accuracy"] for trial in sub_networks)
    assert trials[retrained.parents[0]].metrics["accuracy"] == best == winner["inherited_accuracy"]
    files = [
        json.loads(path.read_text()) for path in (folder / "search" / "sub_networks").glob("*.json")
    ]
    assert sum(map(len, files)) == 20
    assert (
        20 <= calls(folder).count("s") <= 20 + kills
    )  # one may be under way when the driver is killed


@pytest.mark.parametrize(
    "phases",
    [
        ("evaluate", "retrain"),
        pytest.param(("supernet", "evaluate", "retrain"), marks=pytest.mark.soak),
    ],
)
def test_killed_in_each_phase_it_goes_on(tmp_path: Path, phases: tuple[str, ...]) -> None:
    moments = [partial(has_come_to, phase) for phase in phases]
    check(tmp_path, search(tmp_path, moments), kills=len(phases))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_killed_anywhere_it_goes_on(seed: int, tmp_path: Path) -> None:
    moments = sorted(random.Random(seed).sample(range(1, 130), 3))
    check(
        tmp_path,
        search(
            tmp_path,
            [
                lambda folder, calls_made=moment: len(calls(folder)) >= calls_made
                for moment in moments
            ],
        ),
        kills=3,
    )


@pytest.mark.soak
def test_a_node_lost_while_sub_networks_are_evaluated_costs_what_ran_there(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(DRIVER.parents[2]), environment.get("PYTHONPATH", "")]
    )
    command = [sys.executable, str(DRIVER.with_name("one_shot_nodes.py")), str(tmp_path)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    assert (tmp_path / "died").exists()
    assert json.loads((tmp_path / "told.json").read_text()) == {
        "errors": 0,
        "winners": 1,
        "trials": 8,
    }
    trials = list(record.load(tmp_path / "run").trials.values())
    assert len(trials) == 61
    assert {trial.status for trial in trials} == {"completed"}
    assert (
        60 <= len((tmp_path / "evaluations").read_text()) <= 61
    )  # the one that was under way on the node


@pytest.mark.parametrize("space", [NASBench201(2, 1, num_classes=2, in_channels=1)])
def test_what_does_not_fit_or_diverges_says_so_and_the_rest_goes_on(
    space: NASBench201, tmp_path: Path, ray_here: None
) -> None:
    pair = torch.rand(8, 1, 8, 8), torch.tensor(4 * [0, 1])

    def trouble(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Diverges during retraining, and runs out of memory on one sub-network."""
        evaluated = tmp_path / "evaluated"
        if torch.is_grad_enabled():
            return nn.functional.cross_entropy(outputs, targets) * (
                math.nan if evaluated.exists() else 1.0
            )
        seen = int(evaluated.read_text()) if evaluated.exists() else 0
        if "_evaluate" in {frame.function for frame in inspect.stack(0)}:
            evaluated.write_text(str(seen + 1))
            if seen == 1:
                raise RuntimeError(
                    "DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"
                )
        return nn.functional.cross_entropy(outputs, targets)

    search = small_one_shot(space, evaluations=4, per_trial=20)
    network_trials = one_shot_trainable(
        space, train_data=pair, val_data=pair, loss=trouble, retrain_epochs=1
    )
    trainable = tune.with_resources(network_trials, {"cpu": 1})
    results = one_shot_tuner(trainable, search, tmp_path, "trouble").fit()
    assert search.winners(results) == []
    (error,) = results.errors
    assert "training loss became nan in epoch 1 of 1: lower learning_rate" in str(error)
    statuses = [trial.status for trial in list(record.load(tmp_path / "trouble").trials.values())]
    assert statuses == ["completed", "infeasible", "completed", "completed", "error"]
