"""`ray-nas retrain` prints means over seeds, and its errors are plain."""

import json
from pathlib import Path

from searched_experiment import write_experiment
from typer.testing import CliRunner

from ray_nas.cli import app
from ray_nas.cli.command_file import Command
from ray_nas.cli.terminal import console
from ray_nas.retraining import RetrainedTrial, Retraining
from ray_nas.retraining.results import save_retraining
from ray_nas.spaces import MLPSpace

SPACE = MLPSpace(4, 3, max_layers=1, widths=(4,))
MODULE = """
from ray_nas.spaces import MLPSpace
space = MLPSpace(4, 3, max_layers=1, widths=(4,))
def train(config):
    raise AssertionError("all trainings are done")
"""


def run(folder: Path, *more: str) -> tuple[int, str]:
    console.width = 200
    module = folder / "retrained_network.py"
    module.write_text(MODULE)
    arguments = [str(folder / "search"), f"{module}:train", "--space", f"{module}:space", *more]
    result = CliRunner().invoke(app, ["retrain", *arguments])
    return result.exit_code, result.output


def test_it_prints_what_is_done(tmp_path: Path) -> None:
    config = SPACE.sample(random_state=0)
    write_experiment(tmp_path / "search", SPACE, [config])
    runs = [
        RetrainedTrial("t0", config, seed, {"accuracy": 0.5 + seed / 10, "test_accuracy": 0.25})
        for seed in (0, 1)
    ]
    runs.append(RetrainedTrial("t9", config, 0, {}, "out of\x1b memory"))
    save_retraining(tmp_path / "search", Retraining(runs, "accuracy", "max", "test_accuracy", "t0"))
    code, text = run(tmp_path, "--seeds", "2")
    assert code == 0, text
    assert "0.55 ± 0.07071" in text
    assert "0.25 ± 0" in text
    code, text = run(tmp_path, "--seeds", "2", "--json")
    assert json.loads(text)["winner"] == "t0"


def test_what_the_search_was_started_with_is_remembered(tmp_path: Path) -> None:
    config = SPACE.sample(random_state=0)
    write_experiment(tmp_path / "search", SPACE, [config])
    runs = [RetrainedTrial("t0", config, 0, {"accuracy": 0.5})]
    save_retraining(tmp_path / "search", Retraining(runs, "accuracy", "max", None, "t0"))
    arguments = ["retrain", str(tmp_path / "search"), "--seeds", "1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "--space is missing" in result.output
    module = tmp_path / "remembered_network.py"
    module.write_text(MODULE)
    Command.here(f"{module}:space", f"{module}:train", "cpu=1").write(str(tmp_path / "search"))
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output


def test_errors_are_plain(tmp_path: Path) -> None:
    write_experiment(tmp_path / "search", SPACE, [SPACE.sample(random_state=0)])
    for more, message in (
        (("--trial", "x"), "no trial 'x'"),
        (("--stop", "epoch"), "--stop must be NAME=AMOUNT"),
        (("--config", "[1]"), "--config must be a JSON object, got '[1]'"),
    ):
        code, text = run(tmp_path, *more)
        assert (code, "Traceback" in text, message in text) == (2, False, True), text
