"""The page as text: eleven sections for whatever a record holds, and text that stays text."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from made_record import evolved_trials, made_record, saved_record

from ray_nas.record import ExperimentRecord
from ray_nas.record.events import ExperimentStarted, TrialsImported
from ray_nas.report import write_report
from ray_nas.report.report_page import SECTIONS
from ray_nas.spaces import NASBench201

EVIL = "<script>alert(1)</script>"


def page(tmp_path: Path, experiment: Any, **more: Any) -> str:
    return write_report(experiment, tmp_path / "report.html", **more).read_text(encoding="utf-8")


def text(html: str) -> str:
    """The text of a page, without its style, script and payload."""
    without = re.sub(r"<(style|script)\b.*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", without)).split())


def test_eleven_sections_in_order(tmp_path: Path) -> None:
    html = page(tmp_path, made_record(evolved_trials(), {"accuracy": "max"}))
    assert re.findall(r'<section id="(\w+)"', html) == [section.key for section in SECTIONS]
    assert len(SECTIONS) == 11


@pytest.mark.parametrize(
    "trials",
    [
        [],
        [{"status": "unfinished", "reports": []}],
        [{"status": "error", "reports": []}] * 12,
        [{"reports": [{"loss": float("nan")}], "status": "infeasible"}],
        [{}],
        [{"reports": [{"loss": 1.0}]}] * 30,
        [{"config": {}}] * 3,
        [{"config": {"x": [1, [2, 3]]}}, {"config": {"x": None}}],
    ],
    ids=["none", "unfinished", "errors", "nan", "one", "equal", "no choices", "lists"],
)
@pytest.mark.parametrize("objectives", [{"loss": "min"}, {"loss": "max", "other": "min"}])
def test_any_record_has_a_page(tmp_path: Path, trials: Any, objectives: Any) -> None:
    html = page(tmp_path, made_record(trials, objectives))
    assert html.count("<section") == 11
    assert "nan" not in re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL).lower().split()


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    trials = [{"reports": [{"loss": 1.0}], "move": "given"}] * 3
    said = text(page(tmp_path, made_record(trials)))
    for part in (
        "No baseline",
        "No random search to compare with",
        "One objective, loss",
        "No drawing: the record holds configs, not networks",
        "Too few trials for effects",
        "No config was made from another one",
        "Each trial reported once",
        "When trials ran: only the record is at hand",
        "command not recorded",
    ):
        assert part in said


def test_imported_trials_are_counted(tmp_path: Path) -> None:
    record = made_record([{}])
    imported = {"old": {"config": {"x": 2}, "metrics": {"loss": 3.0}}}
    record.apply(TrialsImported(imported, same_task=True))
    assert "1 trials and 1 imported" in text(page(tmp_path, record))


def test_text_stays_text(tmp_path: Path) -> None:
    """In ids, names, values, reasons, metrics, moves, details and the experiment's own name."""
    formula = '=HYPERLINK("x")&<b>$x^2$</b>'
    reports = [{EVIL: float(number), "loss": 1.0} for number in range(3)]
    trials = [
        {
            "id": f"{EVIL}{number}",
            "config": {EVIL: EVIL, formula: f"{formula}{number % 3}", "'\"": number % 2},
            "move": EVIL,
            "parents": [f"{EVIL}{number - 1}"] if number else [],
            "reason": EVIL if number % 2 else "",
            "reports": [
                dict(report, training_iteration=index)
                for index, report in enumerate(reports[: 1 + number % 3], start=1)
            ],
        }
        for number in range(20)
    ]
    record = made_record(trials, {EVIL: "max", "loss": "min"}, EVIL)
    folder = tmp_path / "<script>x"
    folder.mkdir()
    html = page(tmp_path, record, details={EVIL: EVIL, "space": f"{EVIL}:{EVIL}"})
    assert "<script>alert" not in html
    assert html.count("<script") == 2  # the page's own, and the table's data
    assert "&lt;script&gt;alert(1)" in html
    assert "<b>$x^2$</b>" not in html
    assert "$x^2$" in text(html)


def test_half_a_character_is_written_out(tmp_path: Path) -> None:
    """JSON can hold half of a pair of UTF-16 units; a file cannot."""
    assert "a\\ud800b" in page(tmp_path, made_record([{"config": {"x": "a\ud800b"}}]))


def test_an_experiments_name_is_escaped(tmp_path: Path) -> None:
    folder = tmp_path / "<img src=x onerror=y>"
    folder.mkdir()
    saved_record(folder, [{}])
    html = page(tmp_path, folder)
    assert "<img" not in html
    assert "<img src=x onerror=y>: search report" in unescape(html)


def test_the_policy_allows_only_the_pages_own_script(tmp_path: Path) -> None:
    html = page(tmp_path, made_record([{}]))
    policy = re.search(r'Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    directives = dict(part.strip().split(" ", 1) for part in unescape(policy[1]).split(";"))
    assert directives["default-src"] == directives["connect-src"] == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", directives["script-src"])


def test_nothing_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    html = page(tmp_path, made_record(evolved_trials(), {"accuracy": "max", "params": "min"}))
    assert not re.search(r'(?:src|href)="(?!#)', html)
    assert "@import" not in html
    assert "url(" not in html.replace("url(#tip)", "")


def test_drawings_mark_what_differs(tmp_path: Path) -> None:
    record = made_record(evolved_trials(), {"accuracy": "max"})
    html = page(tmp_path, record, space=NASBench201())
    winner = html.split('<section id="winner"')[1].split("</section>")[0]
    assert winner.count('<svg class="ray-nas-drawing"') == 2
    assert 'class="choice changed"' in winner
    assert "No drawing" not in winner


def test_the_code_rebuilds_the_winner(tmp_path: Path) -> None:
    record = made_record(evolved_trials(), {"accuracy": "max"})
    html = page(tmp_path, record, space=NASBench201(2, 1))
    (code,) = re.findall(r'aria-label="Rebuild it in Python"><code>(.*?)</code>', html, re.DOTALL)
    names: dict[str, Any] = {"space": NASBench201(2, 1)}
    exec(unescape(code).split("\n", 1)[1], names)
    assert names["config"] == record.ranked()[0].config
    assert names["network"] is not None


def test_a_random_search_that_was_run_is_drawn(tmp_path: Path) -> None:
    record = made_record(evolved_trials(), {"accuracy": "max"})
    other = made_record(evolved_trials(seed=1)[:20], {"accuracy": "max"})
    html = page(tmp_path, record, random_search=other)
    assert "random search, run" in html
    assert "random search, expected" not in html


def test_a_record_that_never_started_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="never started"):
        page(tmp_path, ExperimentRecord())


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        write_report(made_record([{}]), tmp_path / "nowhere" / "report.html")


def test_constraints_are_shown(tmp_path: Path) -> None:
    record = ExperimentRecord()
    limits = {"params": [None, 100.0]}
    record.apply(ExperimentStarted("RandomSearch", "f", {"loss": "min"}, None, constraints=limits))
    assert "params in [None, 100.0]" in text(page(tmp_path, record))
