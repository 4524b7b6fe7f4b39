"""Benchmarks: searches on a virtual clock, on tables of real figures."""

from ray_nas.benchmarks.history import History
from ray_nas.benchmarks.virtual_time import simulate

__all__ = [
    "History",
    "simulate",
]
