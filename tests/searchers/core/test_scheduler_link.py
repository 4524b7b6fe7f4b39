"""What the record says about the scheduler, before and after a restore."""

from ray.tune.schedulers import ASHAScheduler

from ray_nas.record.events import ExperimentStarted
from ray_nas.schedulers import Resumable
from ray_nas.searchers.core.ledger import TrialLedger
from ray_nas.searchers.core.scheduler_link import SchedulerLink

STARTED = ExperimentStarted("RandomSearch", "f00d", {"loss": "min"}, 0)


def asha() -> ASHAScheduler:
    return ASHAScheduler("epoch", "loss", "min", max_t=9)


def written(*schedulers: object) -> int:
    """How often schedulers are written, the later ones after a restore."""
    ledger = TrialLedger(str)
    link = SchedulerLink(ledger, lambda *call: None)
    ledger.write(STARTED)
    count = 0
    for scheduler in schedulers:
        before = ledger.record.scheduler
        link.use(scheduler)
        count += ledger.record.scheduler is not before
        link.forget()
    return count


def test_the_event_waits_for_the_start_of_the_experiment() -> None:
    ledger = TrialLedger(str)
    link = SchedulerLink(ledger, lambda *call: None)
    link.use(asha())
    assert ledger.record.scheduler is None
    ledger.write(STARTED)
    link.write()
    assert ledger.record.scheduler.arguments["max_t"] == 9


def test_only_a_scheduler_that_forgets_begins_anew() -> None:
    assert written(asha(), asha()) == 2
    assert written(Resumable(asha()), Resumable(asha())) == 1


def test_outside_of_tune_nothing_is_found() -> None:
    ledger = TrialLedger(str)
    ledger.write(STARTED)
    SchedulerLink(ledger, lambda *call: None).find()
    assert ledger.record.scheduler is None
