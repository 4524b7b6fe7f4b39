"""The page on strategies runs, and its strategy keeps the contract."""

import pytest
from page_runner import read_blocks, run_page

from ray_nas.testing import SearcherContract

PAGE = "docs/write_your_own_strategy.md"
NAMES = run_page(PAGE)


class TestSimulatedAnnealing(SearcherContract):
    def make_searcher(self, space, **arguments):
        return NAMES["SimulatedAnnealing"](space, **arguments)


def test_the_page_s_own_contract_is_the_class_that_pytest_would_run() -> None:
    assert issubclass(NAMES["TestSimulatedAnnealing"], SearcherContract)


def test_the_strategy_has_about_forty_lines_and_every_argument() -> None:
    lines = [line for line in read_blocks(PAGE)[0].splitlines() if line.strip()]
    assert len(lines) <= 40
    assert (
        "points_to_evaluate: Configs to try after the baseline"
        in NAMES["SimulatedAnnealing"].__doc__
    )


def test_a_misspelt_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="sed"):
        NAMES["SimulatedAnnealing"](None, "accuracy", "max", sed=1)
