"""The cost of training an architecture: parameters, FLOPs, memory."""

from ray_nas.estimators.cost.training_cost import Cost, CostFunction, cost_function, profile
from ray_nas.estimators.cost.training_memory import MakeOptimizer

__all__ = ["Cost", "CostFunction", "MakeOptimizer", "cost_function", "profile"]
