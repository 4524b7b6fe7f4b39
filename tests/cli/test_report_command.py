"""`ray-nas report`: the page it writes, and what it refuses."""

import json
from pathlib import Path

import pytest
from made_record import evolved_trials, saved_record
from typer.testing import CliRunner

from ray_nas.cli import app


def report(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["report", *map(str, arguments)])
    return result.exit_code, result.output


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    saved_record(folder, evolved_trials(), {"accuracy": "max"})
    return folder


def test_the_page_is_written(experiment: Path, tmp_path: Path) -> None:
    (tmp_path / "mine_to_report.py").write_text(
        "from ray_nas.spaces import NASBench201\nspace = NASBench201()\n"
    )
    target = tmp_path / "page.html"
    space = f"{tmp_path}/mine_to_report.py:space"
    code, output = report(
        experiment, "-o", target, "--space", space, "--detail", "data=CIFAR-10 = small"
    )
    assert code == 0, output
    assert f"wrote {target}" in output
    html = target.read_text()
    assert "from mine_to_report import space" in html
    assert "CIFAR-10 = small" in html


def test_the_default_is_report_html(
    experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert report(experiment)[0] == 0
    assert (tmp_path / "report.html").exists()


def test_as_json(experiment: Path, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    code, output = report(experiment, "-o", target, "--json")
    assert code == 0
    assert json.loads(output) == {"path": str(target), "bytes": target.stat().st_size}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no ray_nas_record-*.json in nowhere"),
        (["run", "--detail", "data"], "--detail must be NAME=TEXT, got 'data'"),
        (["run", "--space", "nothing"], "--space must be MODULE:NAME"),
        (["run", "--space", "json:loads"], "--space: SPACE must be a SearchSpace"),
        (["run", "-o", "no/report.html"], "there is no folder no"),
        (["run", "--random-search", "nowhere"], "no ray_nas_record-*.json in nowhere"),
        (["nowhere", "--watch"], "--watch: there is no folder nowhere"),
        (["s3://bucket/x", "--watch"], "--watch needs a folder on this machine"),
    ],
)
def test_bad_input(
    experiment: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = report(*arguments)
    assert code == 2
    assert message in " ".join(output.split())
