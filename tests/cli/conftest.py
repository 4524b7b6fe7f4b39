"""A user's folder, and the commands as a user types them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from local_ray import local_ray
from typer.testing import CliRunner

from ray_nas.cli import app
from ray_nas.cli.terminal import console
from ray_nas.record.events import ExperimentStarted, TrialEnded, TrialProposed, TrialReported
from ray_nas.record.log import EventLog

USER_MODULE = '''
"""A user's script."""
import ConfigSpace as CS
import torch
from ray import tune
from ray_nas.spaces import LayerChoice, NASBench201

space = NASBench201(2, 1)
raw = CS.ConfigurationSpace({"edge": ["conv", "pool"]})
number = 3


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = LayerChoice("edge", {"conv": torch.nn.Identity, "pool": torch.nn.Identity})


def train(config):
    convolutions = sum("conv" in str(value) for value in config.values())
    tune.report({"accuracy": float(convolutions), "epoch": 1})
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("user")
    (folder / "mine.py").write_text(USER_MODULE)
    return folder


@pytest.fixture(scope="module")
def runtime(folder: Path) -> Iterator[None]:
    """Workers import the user's module as they would from the folder itself."""
    environment = {"env_vars": {"PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}"}}
    with local_ray(runtime_env=environment):
        yield


def _ray_nas(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }
    return subprocess.run(
        [sys.executable, "-c", "from ray_nas.cli import main; main()", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _write(
    folder: Path, *trials: dict[str, Any], searcher: str = "RandomSearch", **more: Any
) -> str:
    """Writes a record of completed trials; `trials` hold what differs from the default."""
    log = EventLog()
    log.append(ExperimentStarted(searcher, "abc", more.get("objectives", {"loss": "min"}), 1))
    for number, trial in enumerate(trials):
        name = trial.get("trial", f"t{number}")
        config = trial.get("config", {"x": 1})
        parents = tuple(trial.get("parents", ()))
        log.append(TrialProposed(name, config, trial.get("move", "random"), parents))
        log.append(TrialReported(name, trial.get("metrics", {"loss": float(number)})))
        log.append(TrialEnded(name, "completed"))
    folder.mkdir(exist_ok=True)
    return str(folder / log.save(folder)["file"])


def _show(*arguments: str | Path) -> str:
    console.width = 200  # a terminal's own would wrap what is looked for
    result = CliRunner().invoke(app, ["show", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def ray_nas() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line in a folder, in a process of its own."""
    return _ray_nas


@pytest.fixture
def write() -> Callable[..., str]:
    """Writes a record of completed trials into a folder, and returns its path."""
    return _write


@pytest.fixture
def show() -> Callable[..., str]:
    """The output of `ray-nas show`."""
    return _show
