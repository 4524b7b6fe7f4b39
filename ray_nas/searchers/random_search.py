"""Random search (Bergstra & Bengio, 2012): https://www.jmlr.org/papers/v13/bergstra12a.html."""

from ray_nas.searchers.core.proposal import Proposal
from ray_nas.searchers.core.searcher import ArchitectureSearcher


class RandomSearch(ArchitectureSearcher):
    """Samples configs at random, each architecture once: the baseline of every search.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = RandomSearch(NASBench201(), metric="accuracy", mode="max", seed=0)
        >>> sorted(searcher.suggest("trial_1"))[0]
        'edge_0_1'
    """

    needs_score = False

    @property
    def is_starting(self) -> bool:
        """Always: no result guides it."""
        return True

    def _ask(self) -> Proposal:
        return self._random_proposal()
