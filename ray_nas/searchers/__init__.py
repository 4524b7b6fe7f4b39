"""Searchers: which architecture is next."""

from ray_nas.searchers.base import ArchitectureSearcher, Observation, Proposal
from ray_nas.searchers.bohb import BOHB
from ray_nas.searchers.random_search import RandomSearch
from ray_nas.searchers.regularized_evolution import RegularizedEvolution

__all__ = [
    "BOHB",
    "ArchitectureSearcher",
    "Observation",
    "Proposal",
    "RandomSearch",
    "RegularizedEvolution",
]
