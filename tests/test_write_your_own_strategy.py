"""The page on strategies: its code runs, and its strategy keeps the contract."""

import re
from pathlib import Path
from typing import Any

import pytest

from ray_nas.testing import SearcherContract

PAGE = Path(__file__).parents[1] / "docs" / "write_your_own_strategy.md"
NAMES: dict[str, Any] = {}
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
for block in BLOCKS:
    exec(compile(block, PAGE.name, "exec"), NAMES)


class TestSimulatedAnnealing(SearcherContract):
    def make_searcher(self, space, **arguments):
        return NAMES["SimulatedAnnealing"](space, **arguments)


def test_the_page_s_own_contract_is_the_class_that_pytest_would_run() -> None:
    assert issubclass(NAMES["TestSimulatedAnnealing"], SearcherContract)


def test_the_strategy_has_about_forty_lines_and_every_argument() -> None:
    lines = [line for line in BLOCKS[0].splitlines() if line.strip()]
    assert len(lines) <= 40
    assert "points_to_evaluate: Configs to try first" in NAMES["SimulatedAnnealing"].__doc__


def test_a_misspelt_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="sed"):
        NAMES["SimulatedAnnealing"](None, "accuracy", "max", sed=1)
