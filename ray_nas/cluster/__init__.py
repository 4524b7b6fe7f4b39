"""Cluster: the resources that each architecture needs, and what to do with trials that hang or
run out of memory.
"""

from ray_nas.cluster.retry_with_more_gpu import LargerShare
from ray_nas.cluster.trial_resources import ResourcesFor, resources_for
from ray_nas.cluster.watchdog import time_limit

__all__ = ["LargerShare", "ResourcesFor", "resources_for", "time_limit"]
