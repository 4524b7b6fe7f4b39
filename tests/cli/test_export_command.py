"""`ray-nas export` writes what `export` writes, and its errors are plain."""

import json
from pathlib import Path

import pytest
from searched_experiment import trained_state, write_experiment, write_weights
from typer.testing import CliRunner

from ray_nas.cli import app
from ray_nas.spaces import MLPSpace

SPACE = MLPSpace(4, 3, max_layers=1, widths=(4,))
MODULE = """
import torch
from ray_nas.spaces import MLPSpace
space = MLPSpace(4, 3, max_layers=1, widths=(4,))
inputs = torch.rand(2, 4)
def data():
    return torch.rand(9, 4), torch.arange(9) % 3
"""


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    config = SPACE.sample(random_state=0)
    write_experiment(tmp_path / "search", SPACE, [config])
    write_weights(tmp_path / "search", "t0", trained_state(SPACE, config))
    (tmp_path / "exported_network.py").write_text(MODULE)
    return tmp_path / "search"


def run(experiment: Path, *more: str) -> tuple[int, str]:
    module = experiment.parent / "exported_network.py"
    arguments = ("--space", f"{module}:space", "--example-inputs", f"{module}:inputs")
    output = str(experiment.parent / "winner.pt")
    result = CliRunner().invoke(
        app, ["export", str(experiment), *arguments, "-o", output, *more], env={"COLUMNS": "200"}
    )
    return result.exit_code, result.output


def test_it_writes_the_file_and_says_what_was_checked(experiment: Path) -> None:
    module = experiment.parent / "exported_network.py"
    code, text = run(
        experiment, "--data", f"{module}:data", "--about", "data=noise", "--trial", "t0", "--json"
    )
    assert code == 0, text
    card = json.loads(text)
    assert card["about"] == {"data": "noise"}
    assert card["check"]["examples"] == 9
    assert (experiment.parent / "winner_model.py").exists()


def test_errors_are_plain(experiment: Path) -> None:
    for more, message in (
        (("--trial", "x"), "no trial 'x'"),
        (("--format", "pickle"), "format must be one of"),
        (("--about", "noise"), "--about must be NAME=TEXT, got 'noise'"),
        (("--data", "nowhere:data"), "--data: cannot import 'nowhere'"),
    ):
        code, text = run(experiment, *more)
        assert (code, "Traceback" in text, message in text) == (2, False, True), text
