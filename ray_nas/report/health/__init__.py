"""Health checks: whether the result of a search can be believed, one file per check."""

from ray_nas.report.health.all_checks import health_checks
from ray_nas.report.health.check import HealthCheck, Status

__all__ = ["HealthCheck", "Status", "health_checks"]
