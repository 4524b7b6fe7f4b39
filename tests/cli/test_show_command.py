"""`ray-nas show`: records of every kind."""

import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ray_nas import record
from ray_nas.cli import app
from ray_nas.record import files as record_files
from ray_nas.searchers import RandomSearch, ZeroCostWarmup
from ray_nas.spaces import NASBench201


def test_show_refuses_what_is_no_experiment(
    folder: Path, tmp_path: Path, ray_nas: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    missing = ray_nas(folder, "show", str(tmp_path))
    assert (missing.returncode, "Traceback" in missing.stderr) == (2, False)
    assert record_files.RECORD_FILES in missing.stderr
    (tmp_path / record_files.new_name()).write_text('{"event": "proposal"}\n')
    damaged = ray_nas(folder, "show", str(tmp_path))
    assert damaged.returncode == 2
    assert "line 1" in damaged.stderr


def test_show_tells_of_earlier_records(
    tmp_path: Path, write: Callable[..., str], show: Callable[..., str]
) -> None:
    first = write(tmp_path, {}, {}, {})
    assert "earlier records" not in show(tmp_path)
    second = write(tmp_path, {}, {})
    write(tmp_path, {})
    text = show(tmp_path)
    assert "1 trials in" in text
    assert text.splitlines()[-1] == f"earlier records: {first}, {second}"
    assert "3 trials in" in show(first)
    assert len(json.loads(show(tmp_path, "--json"))["trials"]) == 1


def test_show_prints_nan(
    tmp_path: Path, write: Callable[..., str], show: Callable[..., str]
) -> None:
    write(
        tmp_path,
        {},
        {"metrics": {"loss": math.nan, "time": math.inf}},
        {"metrics": {"loss": 2.0, "time": math.inf}},
    )
    assert "t1  loss nan  random" in show(tmp_path, "--trial", "t1")
    trials = json.loads(show(tmp_path, "--json"), parse_constant=pytest.fail)["trials"]
    assert [trial["metrics"] for trial in trials] == [{"loss": 0.0}, {"loss": 2.0, "time": "inf"}]


def test_a_missing_objective_keeps_its_column(
    tmp_path: Path, write: Callable[..., str], show: Callable[..., str]
) -> None:
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


def test_records_in_uris_are_read(
    tmp_path: Path, write: Callable[..., str], show: Callable[..., str]
) -> None:
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


def test_estimators_are_compared_with_the_final_results(
    tmp_path: Path, write: Callable[..., str], show: Callable[..., str]
) -> None:
    trials = [{"config": {"x": number}, "metrics": {"loss": number / 7}} for number in range(12)]
    write(tmp_path, *trials)
    assert "Spearman" not in show(tmp_path)
    lines = show(tmp_path, "--estimators", "--time-attr", "epoch").splitlines()
    title = "Rank correlation with loss (min) at the end of 12 trials, 90 % intervals"
    table = lines[lines.index(title) :]
    (row,) = [line for line in table if "GaussianProcess" in line]
    assert float(row.split()[2]) > 0.9
    assert table[-1] == "No rungs: no trial reported 'epoch'."


def test_show_tells_what_scored_candidates_and_how_well(tmp_path: Path) -> None:
    searcher = ZeroCostWarmup(
        RandomSearch(NASBench201(2, 1), "score", "max", seed=0),
        score=lambda space, configs: [-float("conv" in str(config)) for config in configs],
        candidates=20,
        seed=0,
    )
    for number in range(9):
        config = searcher.suggest(f"t{number}")
        assert isinstance(config, dict)
        searcher.on_trial_complete(f"t{number}", {"score": float("conv" in str(config))})
    searcher.save(str(tmp_path / "state.json"))
    text = CliRunner().invoke(app, ["show", str(tmp_path)]).output
    assert "scores: <lambda> of 20 candidates in 0 s" in text
    assert "rank correlation with 8 results" in text
