"""Neural architecture search as plug-ins of Ray Tune."""

from ray_nas.pareto import pareto_front

__all__ = ["pareto_front"]
