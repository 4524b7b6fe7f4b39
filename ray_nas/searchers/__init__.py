"""Searchers: which architecture is next."""

from ray_nas.searchers.bananas import Bananas
from ray_nas.searchers.bohb import BOHB
from ray_nas.searchers.core.arguments import SearcherArguments
from ray_nas.searchers.core.evaluation import Observation
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.searchers.core.warm_start import start_from
from ray_nas.searchers.grid_search import GridSearch
from ray_nas.searchers.local_search import LocalSearch
from ray_nas.searchers.nsga2 import NSGA2
from ray_nas.searchers.one_shot import OneShot
from ray_nas.searchers.random_search import RandomSearch
from ray_nas.searchers.regularized_evolution import RegularizedEvolution
from ray_nas.searchers.reinforce import Reinforce
from ray_nas.searchers.zero_cost_warmup import ZeroCostWarmup

__all__ = [
    "BOHB",
    "NSGA2",
    "ArchitectureSearcher",
    "Bananas",
    "GridSearch",
    "LocalSearch",
    "Observation",
    "OneShot",
    "Proposal",
    "RandomSearch",
    "RegularizedEvolution",
    "Reinforce",
    "SearcherArguments",
    "ZeroCostWarmup",
    "start_from",
]
