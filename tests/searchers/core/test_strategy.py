"""The hooks of a strategy, as Tune's calls reach them."""

from typing import Any

import pytest

from ray_nas.searchers import ArchitectureSearcher, Proposal
from ray_nas.searchers.core.strategy import Strategy
from ray_nas.spaces import NASBench201


class Recorded(ArchitectureSearcher):
    """Random search that keeps the names of its hooks' calls."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.calls: list[str] = []

    def _before_decision(self) -> None:
        self.calls.append("before")

    def _ask(self) -> Proposal:
        self.calls.append("ask")
        return self._random_proposal()

    def _proposed(self, trial_id: str, proposal: Proposal) -> None:
        self.calls.append(f"proposed {trial_id}")

    def _report(self, observation: Any) -> None:
        self.calls.append(f"report {observation.score}")

    def _tell(self, observation: Any) -> None:
        self.calls.append(f"tell {observation.score}")

    def _fail(self, trial_id: str) -> None:
        self.calls.append(f"fail {trial_id}")


def test_hooks_are_called_in_order(cells: NASBench201) -> None:
    searcher = Recorded(cells, "score", "min", seed=0)
    searcher.suggest("a")
    searcher.on_trial_result("a", {"score": 2.0})
    searcher.on_trial_complete("a", {"score": 1.0})
    searcher.on_trial_complete("a", {"score": 1.0})  # counts once
    assert searcher.calls == ["before", "ask", "proposed a", "report -2.0", "tell -1.0"]
    searcher.suggest("b")
    searcher.on_trial_complete("b", error=True)
    assert searcher.calls[-1] == "fail b"


def test_a_strategy_must_propose(cells: NASBench201) -> None:
    with pytest.raises(NotImplementedError):
        Strategy()._ask()
    searcher = Recorded(cells, "score", "max", seed=0)
    searcher.suggest("a")
    proposal = searcher.ledger.proposals["a"]
    assert not searcher._is_new(proposal)
    searcher._start_repeats()
    assert not searcher._is_new(proposal)  # repeats=False
