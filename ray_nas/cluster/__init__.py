"""Cluster: the resources that each architecture needs."""

from ray_nas.cluster.gpu_share import ResourcesFor, resources_for

__all__ = ["ResourcesFor", "resources_for"]
