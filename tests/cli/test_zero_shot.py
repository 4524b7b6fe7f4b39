"""`ray-nas search --zero-shot`, in this process."""

import json
from pathlib import Path

import pytest
from local_ray import local_ray
from typer.testing import CliRunner

from ray_nas.cli.main import app
from ray_nas.record import load
from ray_nas.spaces import NASBench201

SCRIPT = """
import torch
from ray import tune

from ray_nas.spaces import NASBench201

space = NASBench201(2, 1, in_channels=1)
pruned = space.fix({f"edge_{i}_3": "skip_connect" for i in range(3)} | {"edge_1_2": "none"})
pruned = pruned.restrict({"edge_0_1": ["skip_connect", "nor_conv_1x1"]})
pruned = pruned.fix({"edge_0_2": "skip_connect"})
inputs = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
batch = inputs, None


def make_batch():
    return inputs, torch.arange(8)


def train(config):
    tune.report({"accuracy": 0.5})
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "zero_shot_net.py"
    path.write_text(SCRIPT)
    return str(path)


def search(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["search", *arguments])
    return result.exit_code, result.output


def test_the_best_are_printed_and_written(script: str, tmp_path: Path) -> None:
    code, printed = search(
        *(f"{script}:space", "--zero-shot", "--batch", f"{script}:batch", "--seed", "0"),
        *("--evaluations", "12", "--top", "3", "--output", "best.json"),
    )
    assert code == 0, printed
    best = json.loads((tmp_path / "best.json").read_text())
    assert len(best) == 3
    assert best[0]["score"] >= best[1]["score"] >= best[2]["score"]
    space = NASBench201(2, 1, in_channels=1)
    for one in best:
        space.validate(one["config"])
    assert "none of them is trained" in printed


@pytest.mark.parametrize("preset", ["naswot", "te-nas"])
def test_presets(preset: str, script: str) -> None:
    code, printed = search(
        *(f"{script}:pruned", "--zero-shot", "--batch", f"{script}:make_batch"),
        *("--preset", preset, "--evaluations", "2", "--top", "1"),
    )
    assert code == 0, printed
    assert "edge_0_1" in printed


def test_proxies_by_name(script: str) -> None:
    code, printed = search(
        *(f"{script}:space", "--zero-shot", "--batch", f"{script}:make_batch", "--top", "2"),
        *("--proxies", "snip+params", "--evaluations", "4", "--searcher", "RandomSearch"),
    )
    assert code == 0, printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "TRAINABLE is missing; only --zero-shot does without it"),
        (("{}:train",), "--metric is missing: TRAINABLE's metric to optimise"),
        (("--zero-shot",), "--zero-shot needs --batch"),
        (
            ("--zero-shot", "--batch", "{}:batch", "--proxies", "naswott"),
            "names must be different names in",
        ),
        (
            ("--zero-shot", "--batch", "{}:batch", "--proxies", "params", "--preset", "naswot"),
            "--proxies does not go with --preset naswot",
        ),
        (("--zero-shot", "--batch", "{}:batch", "--searcher", "X"), "--searcher must be one of"),
        (("--zero-shot", "--batch", "{}:space"), "batch must be a pair"),
    ],
)
def test_wrong_usage_is_named(arguments: tuple[str, ...], message: str, script: str) -> None:
    code, printed = search(f"{script}:space", *(one.format(script) for one in arguments))
    assert code == 2
    assert message in printed


def test_with_a_trainable_the_best_are_trained(script: str, tmp_path: Path) -> None:
    arguments = (
        *(f"{script}:space", f"{script}:train", "--metric", "accuracy", "--zero-shot"),
        *("--batch", f"{script}:batch", "--evaluations", "8", "--top", "2", "--seed", "0"),
        *("--output", "best.json", "--storage-path", str(tmp_path / "runs"), "--name", "best"),
        *("--verbose", "0"),
    )
    with local_ray(runtime_env={"env_vars": {"PYTHONPATH": str(tmp_path)}}):
        code, printed = search(*arguments)
    assert code == 0, printed
    trials = list(load(tmp_path / "runs" / "best").trials.values())
    best = json.loads((tmp_path / "best.json").read_text())
    assert [trial.config for trial in trials] == [one["config"] for one in best]
    assert {(trial.move, trial.status) for trial in trials} == {("given", "completed")}
