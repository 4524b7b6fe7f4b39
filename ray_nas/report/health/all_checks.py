"""Runs all health checks of an experiment."""

from typing import Final

from ray_nas.record import ExperimentRecord
from ray_nas.report.evidence import Evidence
from ray_nas.report.health import (
    baseline_beaten,
    borders,
    duplicates,
    early_stopping,
    estimates_of_use,
    failures,
    more_than_noise,
    validation_and_test,
)
from ray_nas.report.health.check import HealthCheck
from ray_nas.retraining.results import Retraining

_CHECKS: Final = (
    baseline_beaten,
    more_than_noise,
    validation_and_test,
    early_stopping,
    borders,
    estimates_of_use,
    duplicates,
    failures,
)


def health_checks(
    record: ExperimentRecord, retraining: Retraining | None = None
) -> list[HealthCheck]:
    """What speaks against believing a search, each with its remedy.

    Args:
        record: The experiment.
        retraining: Its winner and its baseline, trained again; None if they were not.

    Example:
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = RandomSearch(NASBench201(), "loss", "min", seed=0)
        >>> for number, loss in enumerate([0.5, 0.2]):
        ...     config = searcher.suggest(str(number))
        ...     searcher.on_trial_complete(str(number), {"loss": loss})
        >>> for check in health_checks(searcher.ledger.record):
        ...     print(check.status, check.name)
        missing baseline beaten after retraining
        missing more than noise
        missing validation and test agree
        missing short trainings rank like full ones
        missing best choices inside the space
        missing scores of use here
        pass no training wasted on duplicates
        pass few failures
    """
    evidence = Evidence(record, retraining)
    return [check.check(evidence) for check in _CHECKS]
