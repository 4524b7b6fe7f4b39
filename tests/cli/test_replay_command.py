"""`ray-nas replay`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ray_nas.cli import app
from ray_nas.cli.terminal import console, errors
from ray_nas.searchers import RandomSearch
from ray_nas.simulation import simulate
from ray_nas.spaces import NASBench201

SCRIPT = """
from ray_nas.searchers import RandomSearch
from ray_nas.spaces import NASBench201

space = NASBench201(2, 1)
other = space.fix({"edge_0_1": "none"})


def make_searcher():
    return RandomSearch(space, "loss", "min", seed=8)
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user's script, beside the record of a search of its space."""
    searcher = RandomSearch(NASBench201(2, 1), "loss", "min", seed=7)
    simulate(lambda config: iter([(1, {"loss": len(str(config))})]), searcher, max_trials=4)
    searcher.save(str(tmp_path / "state.json"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "replayed_script.py").write_text(SCRIPT)
    console.width = errors.width = 300
    return "replayed_script.py"


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["replay", ".", *arguments])
    return result.exit_code, result.output


def test_equal_decisions_are_counted(script: str) -> None:
    code, printed = run("--space", f"{script}:space")
    assert (code, "4 proposals of RandomSearch" in printed) == (0, True)
    code, printed = run("--space", f"{script}:space", "--json")
    found = json.loads(printed)
    assert (code, found["proposals"], found["decisions"], found["difference"]) == (0, 4, 12, None)


def test_a_difference_is_named_and_exits_with_1(script: str) -> None:
    code, printed = run("--searcher", f"{script}:make_searcher")
    assert code == 1
    assert "first difference: line 3, the proposal of trial virtual_00000: edge_" in printed
    code, printed = run("--searcher", f"{script}:make_searcher", "--json")
    assert (code, json.loads(printed)["difference"]["line"]) == (1, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "space must be given"),
        (("--space", "{}:other"), "space is not the one that was searched"),
        (("--space", "{}:nothing"), "has no 'nothing'"),
    ],
)
def test_mistakes_exit_with_2(arguments: tuple[str, ...], message: str, script: str) -> None:
    code, printed = run(*(one.format(script) for one in arguments))
    assert (code, message in printed) == (2, True), printed
