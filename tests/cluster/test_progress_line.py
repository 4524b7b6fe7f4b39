"""One line of progress: what it says, and where."""

import io
import pickle
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ray_nas.cluster import ProgressLine


def trial(status: str = "TERMINATED", **result: float) -> SimpleNamespace:
    return SimpleNamespace(status=status, last_result=result)


TRIALS: list[Any] = [
    trial(accuracy=0.5, epoch=9, time_total_s=60.0),
    trial("RUNNING", accuracy=0.75, epoch=3, time_total_s=20.0),
    trial("ERROR", accuracy=0.99, epoch=1, time_total_s=5.0),
    trial("PENDING"),
]


def line(total: int | None = 8, **arguments: Any) -> ProgressLine:
    found = ProgressLine(**arguments)
    found.setup(total_num_samples=total)
    found.objectives = {"accuracy": "max"}
    return found


def test_trials_best_budget_and_time_left() -> None:
    assert line(time_attr="epoch").text(TRIALS, seconds=30) == (
        "2 of 8 trials, 1 running, 1 failed | best accuracy 0.75 | 13 epochs paid | 1:30 left"
    )
    assert "1:25 of training paid" in line().text(TRIALS, seconds=30)


def test_a_search_without_an_end_says_how_long_it_has_run() -> None:
    text = line(total=sys.maxsize).text(TRIALS, seconds=3700)
    assert text.startswith("2 trials, 1 running")
    assert text.endswith("| 1:01:40 so far")
    assert "9223372036854775807" not in text


def test_a_budget_or_a_time_limit_ends_it_earlier() -> None:
    budget = line(time_attr="epoch", budget=26)
    assert budget.text(TRIALS, seconds=30).endswith("13 of 26 epochs paid | 0:30 left")
    timed = line()
    timed._seconds_limit = 40.0
    assert timed.text(TRIALS, seconds=30).endswith("0:10 left")


def test_missing_and_nested_metrics_do_not_matter() -> None:
    found = line()
    found.objectives = {"eval/loss": "min"}
    nested = trial(eval={"loss": 0.25})
    assert "best eval/loss 0.25" in found.text([*TRIALS, nested, trial(eval={"loss": "nan"})], 1)
    assert "best" not in found.text(TRIALS, 1)
    assert line().text([], seconds=0).startswith("0 of 8 trials")


def test_after_a_restore_only_the_new_trials_tell_the_speed() -> None:
    found = line(total=4)
    two = [trial(accuracy=1.0)] * 2
    found.text(two, seconds=0.1)
    assert found.text([*two, trial(accuracy=1.0)], seconds=60).endswith("1:00 left")


def test_a_log_file_gets_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    found = line(log_seconds=1000.0)
    for iteration in range(5):
        found.on_step_end(iteration, TRIALS)
    found.on_experiment_end([trial(accuracy=1.0)])
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("2 of 8 trials, 1 running")
    assert last.startswith("1 of 8 trials | best accuracy 1")
    assert "took 0:0" in last


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_rewrites_the_line_within_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "30")
    found = line()
    found.on_step_end(1, TRIALS)
    found.on_experiment_end(TRIALS)
    _, first, last = terminal.getvalue().split("\r\x1b[2K")
    assert first == "2 of 8 trials, 1 running, 1 f"
    assert last == first + "\n"


def test_a_notebook_updates_its_output(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    handle = SimpleNamespace(update=lambda content, raw: shown.append(content["text/plain"]))

    def display(content: dict, raw: bool, display_id: bool) -> SimpleNamespace:
        shown.append(f"first {content['text/plain']}")
        return handle

    notebook, module = ModuleType("IPython"), ModuleType("IPython.display")
    shell = type("ZMQInteractiveShell", (), {})
    notebook.get_ipython = shell  # type: ignore[attr-defined]
    module.display = display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    found = line()
    found.on_step_end(1, TRIALS)
    found.on_experiment_end(TRIALS)
    assert [text.split()[0] for text in shown] == ["first", "2"]
    again = pickle.loads(pickle.dumps(found))
    assert "_handle" not in again.__dict__


def test_arguments_that_break_a_rule_are_named() -> None:
    with pytest.raises(ValueError, match="time_attr must be given with budget"):
        ProgressLine(budget=300)
    with pytest.raises(ValueError, match="budget must be"):
        ProgressLine("epoch", budget=0)
