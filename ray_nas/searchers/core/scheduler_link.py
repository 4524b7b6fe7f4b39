"""What a searcher writes into the record about the scheduler: its arguments, and its stops."""

from ray.tune.schedulers import TrialScheduler

from ray_nas.record.events import SchedulerStarted
from ray_nas.searchers.core.ledger import TrialLedger
from ray_nas.tune_internals import scheduler_decisions
from ray_nas.tune_internals.scheduler_decisions import OnStop


class SchedulerLink:
    """Finds the scheduler of the running experiment, and hears of its stops.

    Args:
        ledger: Where the event about it is written.
        on_stop: Called when it stops a trial.

    Example:
        >>> from ray_nas.record.events import ExperimentStarted
        >>> from ray.tune.schedulers import ASHAScheduler
        >>> ledger = TrialLedger(str)
        >>> ledger.write(ExperimentStarted("RandomSearch", "f00d", {"loss": "min"}, 0))
        >>> SchedulerLink(ledger, print).use(ASHAScheduler("epoch", max_t=9))
        >>> ledger.record.scheduler.scheduler
        'ASHAScheduler'
    """

    def __init__(self, ledger: TrialLedger, on_stop: OnStop) -> None:
        self._ledger = ledger
        self._on_stop = on_stop
        self._is_found = False
        self._event: SchedulerStarted | None = None
        """What is to be written once the experiment has started."""
        self._remembers = True

    def find(self) -> None:
        """Uses the scheduler of the running `tune.run`, at the first call in one."""
        if self._is_found:
            return
        scheduler = scheduler_decisions.running_scheduler()
        if scheduler is not None:
            self.use(scheduler)

    def use(self, scheduler: TrialScheduler) -> None:
        """Writes the scheduler into the record, and listens to it."""
        self._is_found = True
        self._event = scheduler_decisions.describe(scheduler)
        self._remembers = scheduler_decisions.remembers(scheduler)
        scheduler_decisions.watch(scheduler, self._on_stop)
        self.write()

    def write(self) -> None:
        """Writes the event, if it is new: a scheduler that remembers survives a restore."""
        record = self._ledger.record
        if self._event is None or record.started is None:
            return
        if record.scheduler is None or not self._remembers:
            self._ledger.write(self._event)
        self._event = None

    def forget(self) -> None:
        """Called after a restore: the scheduler is another object."""
        self._is_found = False
        self._event = None
