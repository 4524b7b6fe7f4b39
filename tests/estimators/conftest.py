"""Records of experiments that never ran."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ray_nas.record import ExperimentRecord
from ray_nas.record.events import ExperimentStarted, TrialEnded, TrialProposed, TrialReported


@pytest.fixture(scope="session")
def make_record() -> Callable[..., ExperimentRecord]:
    """Makes a record from each trial's values of `score` after epochs 1, 2, ..."""

    def make(
        curves: Sequence[Sequence[float]],
        configs: Sequence[dict[str, Any]] | None = None,
        mode: str = "max",
        ends: dict[int, tuple[str, str]] | None = None,
        roles: dict[int, str] | None = None,
        time_attr: str = "epoch",
    ) -> ExperimentRecord:
        record = ExperimentRecord()
        record.apply(ExperimentStarted("RandomSearch", "abc", {"score": mode}, 0))
        for number, curve in enumerate(curves):
            config = configs[number] if configs else {}
            role = (roles or {}).get(number, "search")
            record.apply(TrialProposed(str(number), config, "random", (), role))
            for epoch, value in enumerate(curve, start=1):
                report = {time_attr: float(epoch), "score": float(value)}
                record.apply(TrialReported(str(number), report))
            status, reason = (ends or {}).get(number, ("completed", ""))
            if status != "unfinished":
                record.apply(TrialEnded(str(number), status, reason))
        return record

    return make
