from ray_nas.report.health.check import HealthCheck


def test_a_check_without_a_remedy() -> None:
    assert HealthCheck("name", "pass", "finding").remedy == ""
