"""A record with three trials."""

import pytest

from ray_nas.record.events import ExperimentStarted, TrialEnded, TrialProposed, TrialReported
from ray_nas.record.log import EventLog


def make_log() -> EventLog:
    log = EventLog()
    log.append(ExperimentStarted("RandomSearch", "abc", {"loss": "min"}, 1))
    trials = (("a", (), 2.0), ("b", ("a",), 1.0), ("c", ("b", "a"), 3.0))
    for name, parents, loss in trials:
        log.append(TrialProposed(name, {"x": 1}, "mutation", parents))
        log.append(TrialReported(name, {"loss": loss}))
        log.append(TrialEnded(name, "completed"))
    return log


@pytest.fixture
def log() -> EventLog:
    """The events of the record."""
    return make_log()
