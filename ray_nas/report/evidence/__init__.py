"""What the verdict and the health checks are computed from."""

from ray_nas.report.evidence.evidence import Evidence, Level

__all__ = ["Evidence", "Level"]
