"""The README's program prints what stands below it, and its links lead somewhere."""

import re
from pathlib import Path

import pytest
from page_runner import ROOT, read_blocks, run_page, run_script

NUMBER = re.compile(r"0\.\d+")


def test_the_program_prints_what_stands_below_it(tmp_path: Path) -> None:
    (program,) = read_blocks("README.md")
    (expected,) = read_blocks("README.md", "text")
    printed = run_script(program, tmp_path, 2).splitlines()
    printed = [line.rstrip() for line in printed[-len(expected.splitlines()) :]]
    for line, wanted in zip(printed, expected.splitlines(), strict=True):
        assert NUMBER.sub("", line) == NUMBER.sub("", wanted)
        numbers = [float(number) for number in NUMBER.findall(line)]
        # The same seeds on another processor: sums in another order
        assert numbers == pytest.approx([float(one) for one in NUMBER.findall(wanted)], abs=0.02)


def test_links_and_pictures_exist() -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / "README.md").read_text())
    local = [target for target in targets if "://" not in target]
    assert len(local) > 20
    assert [target for target in local if not (ROOT / target).exists()] == []


def test_the_page_of_virtual_time(capsys: pytest.CaptureFixture[str]) -> None:
    run_page("docs/simulation.md")
    assert capsys.readouterr().out.startswith("200 trainings, ")
