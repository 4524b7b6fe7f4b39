"""The guide to one-shot search runs."""

import re
from pathlib import Path

from page_runner import read_blocks, run_script


def test_the_block_of_one_shot_search(tmp_path: Path) -> None:
    (block,) = read_blocks("docs/sharing.md")
    printed = run_script(block, tmp_path)
    winners = [line for line in printed.splitlines() if re.match(r"0\.\d+ 0\.\d+ {'edge_", line)]
    assert len(winners) == 2
