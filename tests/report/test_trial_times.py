"""Times from Tune's `result.json`, whole, torn or missing."""

import json
from pathlib import Path

from ray_nas.report.trial_times import RESULT_FILE, TrialTime, read_trial_times


def line(trial: str, timestamp: int, seconds: float, **more: object) -> str:
    entries = {"trial_id": trial, "timestamp": timestamp, "time_this_iter_s": seconds}
    return json.dumps({**entries, "pid": 7, "node_ip": "10.0.0.1", **more}) + "\n"


def write(folder: Path, trial: str, text: str) -> None:
    (folder / trial).mkdir()
    (folder / trial / RESULT_FILE).write_text(text)


def test_from_the_first_reports_start_to_the_last_report(tmp_path: Path) -> None:
    write(tmp_path, "a", line("a", 100, 10.0) + line("a", 105, 5.0) + line("a", 111, 6.0))
    write(tmp_path, "b", line("b", 100, 10.0))
    found = read_trial_times(tmp_path, 2)
    assert found.trials["a"] == TrialTime("a", 90.0, 111.0, "10.0.0.1", 7)
    assert found.trials["b"] == TrialTime("b", 90.0, 100.0, "10.0.0.1", 7)
    assert found.missing == ""


def test_a_torn_last_line_is_skipped(tmp_path: Path) -> None:
    write(tmp_path, "a", line("a", 100, 10.0) + line("a", 105, 5.0) + '{"trial_id": "a", "ti')
    assert read_trial_times(tmp_path, 1).trials["a"].end == 105


def test_a_long_file_is_read_at_its_ends(tmp_path: Path) -> None:
    middle = line("a", 200, 1.0, note="x" * 100) * 2000
    write(tmp_path, "a", line("a", 100, 10.0) + middle + line("a", 999, 1.0))
    assert read_trial_times(tmp_path, 1).trials["a"].end == 999


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    assert "JSON logger" in read_trial_times(tmp_path, 2).missing
    write(tmp_path, "empty", "")
    write(tmp_path, "foreign", '{"loss": 1}\n')
    write(tmp_path, "list", "[1]\n")
    write(tmp_path, "a", line("a", 100, 10.0))
    found = read_trial_times(tmp_path, 3)
    assert list(found.trials) == ["a"]
    assert found.missing == f"2 of 3 trials have no readable {RESULT_FILE}"
    record = tmp_path / "ray_nas_record-1.json"
    record.touch()
    assert read_trial_times(record, 1).trials == {"a": found.trials["a"]}
