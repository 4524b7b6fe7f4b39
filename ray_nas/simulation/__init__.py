"""Simulation: searches on a virtual clock, on tables of real results."""

from ray_nas.simulation.history import History
from ray_nas.simulation.nasbench201_objective import NASBench201Objective
from ray_nas.simulation.record_replay import Replay, replay
from ray_nas.simulation.replay_controller import Difference
from ray_nas.simulation.tabular_objective import TabularObjective
from ray_nas.simulation.virtual_cluster import VirtualCluster
from ray_nas.simulation.virtual_time import simulate

__all__ = [
    "Difference",
    "History",
    "NASBench201Objective",
    "Replay",
    "TabularObjective",
    "VirtualCluster",
    "replay",
    "simulate",
]
