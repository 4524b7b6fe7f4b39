"""The page about the verdict runs from top to bottom."""

import pytest
from page_runner import read_blocks, run_page

from ray_nas.report.health import health_checks


def test_the_page_runs_and_names_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    names = run_page("docs/verdict.md")
    assert read_blocks("docs/verdict.md", "text")[0] in capsys.readouterr().out
    with open("docs/verdict.md") as page:
        text = page.read()
    checks = health_checks(names["record"])
    assert not [check.name for check in checks if check.name not in text.replace("\n", " ")]
