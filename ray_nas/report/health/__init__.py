"""Health checks: whether the result of a search can be believed, one file per check."""

from ray_nas.report.health.check import HealthCheck, Status
from ray_nas.report.health.checks import health_checks

__all__ = ["HealthCheck", "Status", "health_checks"]
