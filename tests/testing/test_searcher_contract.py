"""The contract for users' searchers: ours keep it, a searcher that breaks it fails."""

from importlib.util import find_spec

import pytest

from ray_nas.searchers.core.evaluation import Observation
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.searchers.registry import SEARCHERS
from ray_nas.testing import SearcherContract

NAMES = [name for name in sorted(SEARCHERS) if name != "BOHB" or find_spec("hpbandster")]


@pytest.mark.parametrize("name", NAMES)
class TestOurSearchers(SearcherContract):
    @pytest.fixture(autouse=True)
    def _use(self, name: str) -> None:
        self.name = name
        self.is_random = name != "GridSearch"

    def make_searcher(self, space, **arguments):
        return SEARCHERS[self.name](space, **arguments)


class Forgetful(ArchitectureSearcher):
    """Mutates the last result, which it does not save; starts from an unseeded config."""

    _last: dict | None = None

    def _ask(self) -> Proposal:
        if self._last is None:
            return self._proposal(self.space.sample(), "random")
        return self._proposal(self.space.mutate(self._last, self._rng), "mutation")

    def _tell(self, observation: Observation) -> None:
        self._last = observation.proposal.config


def test_a_searcher_that_forgets_its_state_fails(tmp_path) -> None:
    class Contract(SearcherContract):
        def make_searcher(self, space, **arguments):
            return Forgetful(space, **arguments)

    with pytest.raises(AssertionError):
        Contract().test_a_restored_search_continues_unchanged(tmp_path)
    with pytest.raises(AssertionError):
        Contract().test_same_seed_and_events_give_the_same_proposals()
