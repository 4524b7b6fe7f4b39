"""`ray-nas simulate`: tables, functions, workers and clusters."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ray_nas.cli import app
from ray_nas.cli.terminal import console, errors

SCRIPT = """
import ConfigSpace as CS

space = CS.ConfigurationSpace({"x": (0, 30)})


def curve(config):
    for epoch in range(1, 4):
        yield 60.0, {"loss": abs(config["x"] - 11) / epoch, "epoch": epoch}
"""


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "simulated_script.py").write_text(SCRIPT)
    rows = [f"{op},{width},{epoch},{width * epoch + len(op)},5" for op in ("conv", "pool")
            for width in (1, 2, 3) for epoch in (1, 2)]  # fmt: skip
    (tmp_path / "table.csv").write_text("\n".join(["op,width,epoch,score,seconds", *rows]) + "\n")
    console.width = errors.width = 300


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["simulate", *arguments])
    return result.exit_code, result.output


TABLE = ("table.csv", "--metric", "score", "--parameters", "op,width", "--fidelity", "epoch")
FUNCTION = ("simulated_script.py:curve", "--metric", "loss", "--mode", "min", "--seed", "0")


def test_a_table_is_its_own_space() -> None:
    code, printed = run(*TABLE, "--seconds", "seconds", "--seed", "1", "--json")
    assert code == 0, printed
    found = json.loads(printed)
    assert (found["trials"], found["seconds"]) == (6, 60)
    assert found["best"]["metrics"] == {"score": 10}
    assert found["best"]["config"]["width"] == 3


def test_a_function_is_searched_by_workers_and_its_record_kept() -> None:
    space = ("--space", "simulated_script.py:space", "--num-workers", "4", "--asha", "epoch=3")
    code, printed = run(*FUNCTION, *space, "--max-trials", "20", "--output", "kept")
    assert code == 0, printed
    assert "RegularizedEvolution: 20 trials in" in printed
    assert "best loss 0" in printed
    replayed = CliRunner().invoke(app, ["replay", "kept", "--space", "simulated_script.py:space"])
    assert replayed.exit_code == 0, replayed.output


def test_a_cluster_says_how_much_of_it_was_in_use() -> None:
    nodes = ("--node", "CPU=2", "--node", "CPU=2,GPU=1", "--resources", "CPU=1")
    code, printed = run(*FUNCTION, "--space", "simulated_script.py:space", *nodes)
    assert code == 0, printed
    assert "in use: CPU 1" in printed or "in use: CPU 9" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("table.csv", "--metric", "score"), "--parameters is missing"),
        (("table.csv", "--metric", "score", "--parameters", "up"), "frame has no columns"),
        (("none.csv", "--metric", "score", "--parameters", "op"), "none.csv"),
        (FUNCTION, "--space is missing"),
        (("nasbench201:mnist", "--metric", "val_acc"), "dataset must be one of"),
        ((*TABLE, "--searcher", "Luck"), "--searcher must be one of"),
        ((*TABLE, "--node", "CPU"), "--node must be NAME=AMOUNT"),
    ],
)
def test_mistakes_exit_with_2(arguments: tuple[str, ...], message: str) -> None:
    code, printed = run(*arguments)
    assert (code, message in printed) == (2, True), printed
