"""Lightning's Trainer with a network that a space builds."""

from typing import Any

import pytest
from integration_page import run_section

pytest.importorskip("lightning")
pytestmark = pytest.mark.integration


def test_lightning(few_lines: Any, searched: Any) -> None:
    few_lines("Lightning")
    names = run_section("Lightning")
    searched(names["results"], names["space"], trials=2)
    for result in names["results"]:
        assert result.metrics["training_iteration"] == 2
        assert result.checkpoint is not None
