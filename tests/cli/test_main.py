"""The command line, as a user types it."""

import json
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray import tune
from typer.testing import CliRunner

from ray_nas import record
from ray_nas.cli import app
from ray_nas.cli.terminal import console
from ray_nas.record import files as record_files
from ray_nas.record.events import (
    ExperimentStarted,
    TrialEnded,
    TrialProposed,
    TrialReported,
)
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
        environment = {"env_vars": {"PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}"}}
        ray.init(
            address="local",
            num_cpus=1,
            num_gpus=0,
            include_dashboard=False,
            log_to_driver=False,
            runtime_env=environment,
        )
    yield
    ray.shutdown()


def ray_nas(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
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


def test_search_resume_and_show(
    folder: Path, runtime: None, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    run = CliRunner().invoke(
        app,
        [
            *arguments,
            "--searcher",
            "LocalSearch",
            "--seed",
            "1",
            "--resources",
            "cpu=0.5",
            "--verbose",
            "0",
        ],
    )
    assert run.exit_code == 0, run.output
    assert "LocalSearch on accuracy (max), 4 trials" in run.output
    arguments[arguments.index("runs")] = f"file://{folder}/runs"
    again = CliRunner().invoke(app, [*arguments, "--resume", "--verbose", "0"])
    assert again.exit_code == 0, again.output
    assert (
        f"LocalSearch on accuracy (max), 4 trials in file://{folder}/runs/first"
        in again.output.replace("\n", "")
    )
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
        (
            ["mine:space", "mine:train", "--resume", "--name", "none", "--storage-path", "runs"],
            "there is no experiment",
        ),
    ],
)
def test_mistakes_get_a_sentence_and_exit_code_2(
    folder: Path, arguments: list[str], message: str, monkeypatch, capsys
) -> None:
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


def write(
    folder: Path, *trials: dict[str, Any], searcher: str = "RandomSearch", **more: Any
) -> str:
    """A record of completed trials: what differs from an ordinary one."""
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


def show(*arguments: str | Path) -> str:
    console.width = 200  # a terminal's own would wrap what is looked for
    result = CliRunner().invoke(app, ["show", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_show_tells_of_earlier_records(tmp_path: Path) -> None:
    first = write(tmp_path, {}, {}, {})
    assert "earlier records" not in show(tmp_path)
    second = write(tmp_path, {}, {})
    write(tmp_path, {})
    text = show(tmp_path)
    assert "1 trials in" in text
    assert text.splitlines()[-1] == f"earlier records: {first}, {second}"
    assert "3 trials in" in show(first)
    assert len(json.loads(show(tmp_path, "--json"))["trials"]) == 1


def test_show_prints_nan(tmp_path: Path) -> None:
    write(
        tmp_path,
        {},
        {"metrics": {"loss": math.nan, "time": math.inf}},
        {"metrics": {"loss": 2.0, "time": math.inf}},
    )
    assert "t1  loss nan  random" in show(tmp_path, "--trial", "t1")
    trials = json.loads(show(tmp_path, "--json"), parse_constant=pytest.fail)["trials"]
    assert [trial["metrics"] for trial in trials] == [{"loss": 0.0}, {"loss": 2.0, "time": "inf"}]


def test_a_missing_objective_keeps_its_column(tmp_path: Path) -> None:
    write(tmp_path, {"metrics": {"loss": 1.0}}, objectives={"loss": "min", "size": "min"})
    (row,) = [line for line in show(tmp_path).splitlines() if line.startswith("│")]
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "1",
        "t0",
        "1",
        "-",
        "1",
        "random",
        "x=1",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "conv[depthwise]",
        "[/conv]",
        "[red]x",
        ":warning:",
        "\x1b[31mred",
        "a\nb",
        "\x9b2J",
        "\ud800",
        "\u202eevil",
        "é网",
    ],
)
def test_data_are_shown_as_they_are_and_a_terminal_obeys_none(tmp_path: Path, text: str) -> None:
    child = {
        "trial": f"two {text}",
        "config": {f"op {text}": f"new {text}"},
        "move": f"move {text}",
        "parents": ["one"],
    }
    write(
        tmp_path,
        {"trial": "one", "config": {f"op {text}": f"old {text}"}, "metrics": {f"loss {text}": 1.0}},
        {**child, "metrics": {f"loss {text}": 0.5}},
        objectives={f"loss {text}": "min"},
        searcher=f"Searcher {text}",
    )
    shown = show(tmp_path)
    plain = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    for what in ("two", "op", "new", "move", "loss", "Searcher", "old"):
        assert f"{what} {plain}" in shown
    assert shown.count(f"loss {plain}") == 4  # in the title, the table and twice in the lineage
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert json.loads(show(tmp_path, "--json"))["trials"][0]["trial"] == child["trial"]


def test_errors_keep_their_brackets(tmp_path: Path) -> None:
    write(tmp_path, {})
    result = CliRunner().invoke(app, ["show", str(tmp_path), "--trial", "[red]\x1b[31m"])
    assert result.exit_code == 2
    assert "--trial: [red]\\x1b[31m is not one of the experiment's 1 trials" in result.output


def test_records_in_uris_are_read(tmp_path: Path) -> None:
    first, second = write(tmp_path / "run", {}), write(tmp_path / "run", {}, {})
    text = show(f"file://{tmp_path}/run")
    assert f"2 trials in file://{tmp_path}/run" in text
    assert text.splitlines()[-1] == f"earlier records: file://{first}"
    assert len(list(record.load(f"file://{second}").trials.values())) == 2
    for uri, message in (
        (f"file://{tmp_path}/none", "is it the folder of an experiment"),
        ("nowhere://run", "pyarrow cannot read nowhere://run"),
    ):
        result = CliRunner().invoke(app, ["show", uri])
        assert (result.exit_code, message in result.output) == (2, True), result.output
    assert (
        record_files.inside("s3://bucket/runs/?region=x", "run") == "s3://bucket/runs/run?region=x"
    )


def test_a_search_in_a_bucket_ends_with_what_its_record_says(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(
        tune.Tuner, "fit", lambda self: SimpleNamespace(experiment_path="bucket/run")
    )  # as Tune names it, without s3://
    arguments = [
        "search",
        "mine:space",
        "mine:train",
        "--metric",
        "loss",
        "--mode",
        "min",
        "--storage-path",
        f"file://{tmp_path}",
    ]
    early = CliRunner().invoke(app, [*arguments, "--name", "run"])
    assert early.exit_code == 0, early.output
    assert f"ray-nas show file://{tmp_path}/run" in early.output.replace("\n", "")
    write(tmp_path / "run", {}, {})
    result = CliRunner().invoke(app, [*arguments, "--name", "run"])
    assert result.exit_code == 0, result.output
    assert "2 trials in" in result.output


def test_help_names_every_command() -> None:
    text = CliRunner().invoke(app, ["--help"]).output
    assert "search" in text
    assert "show" in text


def test_as_space_takes_what_users_have() -> None:
    import ConfigSpace as CS
    from torch import nn

    from ray_nas.cli.tune_experiment import as_space
    from ray_nas.spaces import LayerChoice

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = LayerChoice("layer", [nn.Identity, nn.ReLU])

    assert as_space(Net).size == 2
    assert as_space(CS.ConfigurationSpace({"x": (0.0, 1.0)})).size == math.inf
