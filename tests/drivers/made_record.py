"""Records of searches that never ran."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ray_nas.record import ExperimentRecord
from ray_nas.record.events import ExperimentStarted, TrialEnded, TrialProposed, TrialReported
from ray_nas.record.log import EventLog
from ray_nas.spaces import NASBench201


def made_record(
    trials: Sequence[Mapping[str, Any]],
    objectives: Mapping[str, str] | None = None,
    searcher: str = "RandomSearch",
    domains: Mapping[str, Any] | None = None,
) -> ExperimentRecord:
    """A record of completed trials; each names what differs from the default."""
    record = ExperimentRecord()
    for event in made_events(trials, objectives, searcher, domains):
        record.apply(event)
    return record


def saved_record(folder: Any, *arguments: Any, **more: Any) -> str:
    """Writes such a record into a folder, and returns its path."""
    log = EventLog()
    for event in made_events(*arguments, **more):
        log.append(event)
    return str(folder / log.save(folder)["file"])


def made_events(
    trials: Sequence[Mapping[str, Any]],
    objectives: Mapping[str, str] | None = None,
    searcher: str = "RandomSearch",
    domains: Mapping[str, Any] | None = None,
) -> list[Any]:
    goals = dict(objectives or {"loss": "min"})
    events: list[Any] = [
        ExperimentStarted(searcher, "f00d", goals, 1, domains=dict(domains) if domains else None)
    ]
    for number, trial in enumerate(trials):
        name = trial.get("id", f"t{number}")
        config = trial.get("config", {"x": 1})
        parents = tuple(trial.get("parents", ()))
        events.append(TrialProposed(name, config, trial.get("move", "random"), parents))
        reports = trial.get("reports", [{"loss": float(number)}])
        events += [TrialReported(name, dict(one)) for one in reports]
        status = trial.get("status", "completed")
        if status != "unfinished":
            events.append(TrialEnded(name, status, trial.get("reason", "")))
    return events


def evolved_trials(count: int = 60, seed: int = 0) -> list[dict[str, Any]]:
    """A search of cells: a baseline, random trials, then children; some end early, one fails."""
    rng = np.random.default_rng(seed)
    space = NASBench201()
    trials: list[dict[str, Any]] = []
    for number in range(count):
        config = space.sample(random_state=rng)
        move, parents = ("random", ())
        if number == 0:
            move, config = "baseline", dict(space.baseline or config)
        elif number > count // 3:
            best = max(trials[1:], key=lambda one: one["reports"][-1:] and one["quality"])
            config = space.mutate(best["config"], rng)
            move, parents = "mutation", (best["id"],)
        quality = 0.5 + 0.07 * sum("conv" in one for one in config.values())
        quality += float(rng.normal(0, 0.01))
        epochs = 3 if rng.random() < 0.5 or number == 0 else 1
        trials.append(
            {
                "id": f"t{number:04d}",
                "config": config,
                "move": move,
                "parents": parents,
                "quality": quality,
                "reason": "" if epochs == 3 else f"rung 1: {quality:.4f} is not among the best 1/3",
                "reports": [
                    {
                        "accuracy": quality * (1 - 0.5**epoch),
                        "params": float(sum("3x3" in one for one in config.values())),
                        "training_iteration": epoch,
                        "time_total_s": 10.0 * epoch,
                    }
                    for epoch in range(1, epochs + 1)
                ],
            }
        )
    trials[5] = trials[5] | {"status": "error", "reason": "the trainable raised an error"}
    return trials
