"""Benchmarks: searches on a virtual clock, on tables of real figures."""

from ray_nas.benchmarks.history import History
from ray_nas.benchmarks.nasbench201_objective import NASBench201Objective
from ray_nas.benchmarks.recorded_run import DivergenceError, replay
from ray_nas.benchmarks.tabular import TabularObjective
from ray_nas.benchmarks.virtual_cluster import VirtualCluster
from ray_nas.benchmarks.virtual_time import simulate

__all__ = [
    "DivergenceError",
    "History",
    "NASBench201Objective",
    "TabularObjective",
    "VirtualCluster",
    "replay",
    "simulate",
]
