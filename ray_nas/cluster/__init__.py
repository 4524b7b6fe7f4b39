"""Cluster: the resources that each architecture needs, and what to do with trials that hang or run out of memory."""

from ray_nas.cluster.gpu_share import ResourcesFor, resources_for
from ray_nas.cluster.hanging import time_limit
from ray_nas.cluster.larger_share import LargerShare

__all__ = ["LargerShare", "ResourcesFor", "resources_for", "time_limit"]
