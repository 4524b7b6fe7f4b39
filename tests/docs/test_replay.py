"""The page on explaining and replaying runs, and prints what it shows."""

import pytest
from page_runner import read_blocks, run_page


def test_the_page_prints_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    run_page("docs/replay.md")
    assert capsys.readouterr().out == read_blocks("docs/replay.md", "text")[0]
