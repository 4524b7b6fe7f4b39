"""The README's Python blocks run."""

from pathlib import Path

import pytest
from page_runner import read_blocks, run_script


def test_the_block_of_virtual_time(capsys: pytest.CaptureFixture[str]) -> None:
    exec(read_blocks("README.md")[2], {})
    assert capsys.readouterr().out.startswith("200 trainings, ")


def test_the_blocks_of_a_search_run_as_a_script(tmp_path: Path) -> None:
    network, tuner, _ = read_blocks("README.md")
    printed = run_script(network.replace("num_samples=10", "num_samples=3") + tuner, tmp_path, 2)
    assert "'width': " in printed.splitlines()[-1]
