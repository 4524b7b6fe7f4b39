"""What a person takes home from a search: a page, its charts, and judgements of the result."""

from ray_nas.report import figures
from ray_nas.report.explanation import explain
from ray_nas.report.health import HealthCheck, health_checks
from ray_nas.report.report_page import write_report
from ray_nas.report.verdict import Verdict, verdict

__all__ = [
    "HealthCheck",
    "Verdict",
    "explain",
    "figures",
    "health_checks",
    "verdict",
    "write_report",
]
