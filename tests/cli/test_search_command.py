"""`ray-nas search`: its arguments, and what it prints at the end."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from ray import tune
from typer.testing import CliRunner

from ray_nas.cli import app


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


def test_a_search_in_a_bucket_ends_with_what_its_record_says(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., str]
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
