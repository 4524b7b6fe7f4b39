"""What a health check says."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["pass", "warn", "missing"]
"""Missing: the record does not hold what the check needs."""


@dataclass(frozen=True)
class HealthCheck:
    """The result of one check, in plain text.

    Example:
        >>> HealthCheck("failures", "pass", "All 60 trials ended well.").remedy
        ''
    """

    name: str
    status: Status
    finding: str
    """What was found, with its numbers."""
    remedy: str = ""
    """What to do about it; empty if there is nothing to do."""
