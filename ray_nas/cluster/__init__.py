"""Cluster: GPU shares sized per architecture; trials that hang or run out of memory."""

from ray_nas.cluster.retry_with_more_gpu import RetryWithMoreGPU
from ray_nas.cluster.trial_resources import ResourcesFor, resources_for
from ray_nas.cluster.watchdog import time_limit

__all__ = ["ResourcesFor", "RetryWithMoreGPU", "resources_for", "time_limit"]
