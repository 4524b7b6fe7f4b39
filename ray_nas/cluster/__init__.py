"""Cluster: the running experiment: resources per trial, retries, time limits, its progress."""

from ray_nas.cluster.progress_line import ProgressLine
from ray_nas.cluster.retry_with_more_gpu import RetryWithMoreGPU
from ray_nas.cluster.trial_resources import ResourcesFor, resources_for
from ray_nas.cluster.watchdog import time_limit

__all__ = ["ProgressLine", "ResourcesFor", "RetryWithMoreGPU", "resources_for", "time_limit"]
