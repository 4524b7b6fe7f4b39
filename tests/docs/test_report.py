"""The page about the report runs as written."""

import pytest
from page_runner import read_blocks, run_page


def test_report(capsys: pytest.CaptureFixture[str]) -> None:
    names = run_page("docs/report.md")
    assert capsys.readouterr().out == read_blocks("docs/report.md", "text")[0]
    html = names["page"].read_text()
    assert html.count("<section") == 11
    assert "one A100" in html
    assert (names["folder"] / "best_so_far.svg").read_text().startswith("<svg")
    assert len(names["charts"]) >= 3
