"""Random search (Bergstra & Bengio, 2012): https://www.jmlr.org/papers/v13/bergstra12a.html."""

from ray_nas.searchers.core.candidates import Proposal
from ray_nas.searchers.core.searcher import ArchitectureSearcher


class RandomSearch(ArchitectureSearcher):
    """Draws configs at random, each architecture once: the baseline of every search.

    Arguments are those of `ArchitectureSearcher`.
    """

    many_objectives = True  # it weighs nothing

    def _ask(self) -> Proposal:
        return Proposal(self.space.sample(random_state=self._rng), "random")
