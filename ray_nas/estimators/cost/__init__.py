"""What training an architecture costs: parameters, FLOPs, memory."""

from ray_nas.estimators.cost.training_cost import (
    Cost,
    CostFunction,
    MakeOptimizer,
    cost_function,
    profile,
)

__all__ = ["Cost", "CostFunction", "MakeOptimizer", "cost_function", "profile"]
