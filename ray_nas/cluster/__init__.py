"""Cluster: the resources that each architecture needs, and trials that hang."""

from ray_nas.cluster.gpu_share import ResourcesFor, resources_for
from ray_nas.cluster.hanging import time_limit

__all__ = ["ResourcesFor", "resources_for", "time_limit"]
