"""The command line, as a user types it."""

import json
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from typer.testing import CliRunner

from ray_nas import record_files
from ray_nas.cli import app

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
    tune.report({"accuracy": float(sum("conv" in str(value) for value in config.values())), "epoch": 1})
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("user")
    (folder / "mine.py").write_text(USER_MODULE)
    return folder


@pytest.fixture(scope="module")
def runtime(folder: Path) -> Iterator[None]:
    """Workers import the user's module as they would from her own folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own start
        environment = {"env_vars": {"PYTHONPATH": f"{folder}:{Path(__file__).parents[1]}"}}
        ray.init(address="local", num_cpus=1, num_gpus=0, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    yield
    ray.shutdown()


def ray_nas(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-c", "from ray_nas.cli import main; main()", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_search_resume_and_show(folder: Path, runtime: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    arguments = [
        "search",
        "mine:space",
        "mine:train",
        "--metric",
        "accuracy",
        "--num-samples",
        "4",
        "--storage-path",
        "runs",
        "--name",
        "first",
    ]
    run = CliRunner().invoke(app, [*arguments, "--searcher", "LocalSearch", "--seed", "1", "--resources", "cpu=0.5", "--verbose", "0"])
    assert run.exit_code == 0, run.output
    assert "LocalSearch on accuracy (max), 4 trials" in run.output
    again = CliRunner().invoke(app, [*arguments, "--resume", "--verbose", "0"])
    assert again.exit_code == 0, again.output
    shown = ray_nas(folder, "show", "runs/first", "--top", "2")
    assert shown.returncode == 0
    assert "4 completed" in shown.stdout
    assert "lineage of" in shown.stdout
    ranked = json.loads(ray_nas(folder, "show", "runs/first", "--json").stdout)
    values = [trial["metrics"]["accuracy"] for trial in ranked["trials"]]
    assert len(values) == 4
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mine", "mine:train"], "SPACE must be MODULE:NAME"),
        (["nowhere:space", "mine:train"], "cannot import 'nowhere'"),
        (["mine:spice", "mine:train"], "mine has no 'spice'"),
        (["mine:number", "mine:train"], "SPACE must be a SearchSpace"),
        (["mine:space", "mine:number"], "TRAINABLE must be a function"),
        (["mine:space", "mine:train", "--searcher", "Luck"], "--searcher must be one of"),
        (["mine:space", "mine:train", "--mode", "up"], "mode must be 'min' or 'max'"),
        (["mine:space", "mine:train", "--resources", "gpu"], "--resources must be NAME=AMOUNT"),
        (["mine:space", "mine:train", "--asha", "epoch"], "--asha must be TIME_ATTR=MAX_T"),
        (["mine:space", "mine:train", "--num-samples", "-1"], "needs a --time-budget"),
        (["mine:space", "mine:train", "--resume"], "--resume needs --name"),
        (["mine:space", "mine:train", "--resume", "--name", "none", "--storage-path", "runs"], "there is no experiment"),
    ],
)
def test_mistakes_get_a_sentence_and_exit_code_2(folder: Path, arguments: list[str], message: str, monkeypatch, capsys) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    result = CliRunner().invoke(app, ["search", *arguments, "--metric", "accuracy"])
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output


def test_show_refuses_what_is_no_experiment(folder: Path, tmp_path: Path) -> None:
    missing = ray_nas(folder, "show", str(tmp_path))
    assert (missing.returncode, "Traceback" in missing.stderr) == (2, False)
    assert record_files.RECORD_FILES in missing.stderr
    (tmp_path / record_files.new_name()).write_text('{"event": "proposal"}\n')
    damaged = ray_nas(folder, "show", str(tmp_path))
    assert damaged.returncode == 2
    assert "line 1" in damaged.stderr


def test_help_names_every_command() -> None:
    text = CliRunner().invoke(app, ["--help"]).output
    assert "search" in text
    assert "show" in text


def test_as_space_takes_what_users_have() -> None:
    import ConfigSpace as CS
    from torch import nn

    from ray_nas.search_command import as_space
    from ray_nas.spaces import LayerChoice

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = LayerChoice("layer", [nn.Identity, nn.ReLU])

    assert as_space(Net).size == 2
    assert as_space(CS.ConfigurationSpace({"x": (0.0, 1.0)})).size == math.inf
