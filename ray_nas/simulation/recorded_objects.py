"""Makes the searcher and the scheduler of an experiment anew from its record."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, MedianStoppingRule, TrialScheduler

from ray_nas.record.earlier_trials import EarlierTrial
from ray_nas.record.events import (
    CandidatesScored,
    ExperimentStarted,
    SchedulerStarted,
    SupernetStarted,
    TrialsImported,
)
from ray_nas.schedulers import LearningCurveASHA, MultiObjectiveASHA, Resumable
from ray_nas.searchers.core.searcher import ArchitectureSearcher, Space
from ray_nas.searchers.core.warm_start import ImportedTrials
from ray_nas.searchers.core.wrapper import SearcherWrapper
from ray_nas.searchers.registry import SEARCHERS
from ray_nas.searchers.zero_cost_warmup import ZeroCostWarmup
from ray_nas.spaces.core.search_space import Config, SearchSpace

AnySearcher: TypeAlias = ArchitectureSearcher | SearcherWrapper

_SCHEDULERS: Final[dict[str, type[Any]]] = {
    "FIFOScheduler": FIFOScheduler,
    "ASHAScheduler": ASHAScheduler,
    "MedianStoppingRule": MedianStoppingRule,
    "LearningCurveASHA": LearningCurveASHA,
    "MultiObjectiveASHA": MultiObjectiveASHA,
}


def recorded_searcher(
    events: Sequence[Any], space: Space | None, param_space: Mapping[str, Any] | None
) -> AnySearcher:
    """The searcher of an experiment before its first proposal.

    Args:
        events: The record; the first is `ExperimentStarted`.
        space: The space given to the searcher; None if it is in `param_space`.
        param_space: Tune's `param_space`; None for one that holds constants only.

    Raises:
        ValueError: There is no space, or the record does not hold all that the searcher had; the
            message says what to pass.
    """
    started: ExperimentStarted = events[0]
    _check_recorded(started, events)
    if space is None and param_space is None:
        raise ValueError("space must be given: the one that was searched")
    arguments = dict(started.arguments or {})
    if "objectives" not in arguments:
        metric, mode = next(iter(started.objectives.items()))
        arguments |= {"metric": metric, "mode": mode}
    searcher: AnySearcher = SEARCHERS[started.searcher](space, **arguments)
    if param_space is not None:
        searcher.set_search_properties(None, None, dict(param_space))
    return _prepared(searcher, events)


def _check_recorded(started: ExperimentStarted, events: Sequence[Any]) -> None:
    name = started.searcher
    if name not in SEARCHERS:
        raise ValueError(
            f"the searcher was {name}, which is not in ray_nas.searchers: pass it, searcher={name}"
            "(...), new and with the same arguments"
        )
    if started.unrecorded:
        missing = ", ".join(f"{key} ({what})" for key, what in started.unrecorded.items())
        raise ValueError(
            f"{name} had arguments that a record cannot hold: {missing}; pass the searcher, "
            f"searcher={_call(started)}"
        )
    strategies = [event.strategy for event in events if isinstance(event, SupernetStarted)]
    if "enas" in strategies:
        raise ValueError(
            'a OneShot search with strategy="enas" cannot be replayed: the record does not hold '
            "what its controller found"
        )


def _call(started: ExperimentStarted) -> str:
    """The constructor's call, for the message."""
    given = [f"{key}={value!r}" for key, value in (started.arguments or {}).items()]
    if "objectives" not in (started.arguments or {}) and "metric" not in (started.arguments or {}):
        metric, mode = next(iter(started.objectives.items()))
        given += [f"metric={metric!r}", f"mode={mode!r}"]
    given += [f"{key}=..." for key in started.unrecorded or {}]
    return f"{started.searcher}(space, {', '.join(given)})"


def check_space(started: ExperimentStarted, space: SearchSpace) -> None:
    """Checks that a space is the one that was searched.

    Raises:
        ValueError: It is another one; the message says where they differ.
    """
    if space.fingerprint == started.space:
        return
    recorded, given = started.domains or {}, space.domains
    differing = sorted(
        name for name in {*recorded, *given} if recorded.get(name) != given.get(name)
    )
    where = f"they differ in {', '.join(differing[:5])}" if differing else "the values are equal"
    raise ValueError(
        f"space is not the one that was searched (hash {space.fingerprint}, recorded "
        f"{started.space}): {where}; pass that space, and Tune's param_space if it was searched too"
    )


def _prepared(searcher: AnySearcher, events: Sequence[Any]) -> AnySearcher:
    """With the scores and the earlier trials that the search began with."""
    for event in events:
        if isinstance(event, CandidatesScored) and event.arguments is not None:
            assert isinstance(searcher, ArchitectureSearcher)
            score = _RecordedScores(event.configs, event.scores)
            searcher = ZeroCostWarmup(searcher, score=score, **{**event.arguments, "num_gpus": 0.0})
        elif isinstance(event, TrialsImported):
            searcher.import_when_ready(_imported(event))
    return searcher


def _imported(event: TrialsImported) -> ImportedTrials:
    trials = []
    for row in event.trials.values():
        last = [row["metrics"]] if row["metrics"] else []
        reports = [*row.get("reports", []), *last]
        trials.append(EarlierTrial(row["config"], reports, row.get("usable", True)))
    arguments = {"best_first": 5, "objectives": None, **(event.arguments or {})}
    return ImportedTrials(trials, event.same_task, **arguments)


class _RecordedScores:
    """A score that returns what was recorded; 0 for what was not scored."""

    def __init__(self, configs: Sequence[Config], scores: Sequence[float]) -> None:
        pairs = zip(configs, scores, strict=True)
        self._scores = {_key(config): score for config, score in pairs}

    def __call__(self, space: SearchSpace, configs: Sequence[Config]) -> list[float]:
        return [self._scores.get(_key(config), 0.0) for config in configs]


def _key(config: Config) -> str:
    return str(sorted(config.items()))


def recorded_scheduler(
    event: SchedulerStarted, space: SearchSpace | None
) -> tuple[TrialScheduler | None, str]:
    """The scheduler of an experiment before its first decision.

    Args:
        event: Which it was.
        space: For `LearningCurveASHA(space=...)`.

    Returns:
        The scheduler; None with the reason, if the record does not hold all that it needs.
    """
    name, arguments = event.scheduler, dict(event.arguments)
    unrecorded = dict(event.unrecorded or {})
    if name == "Resumable":
        inner = SchedulerStarted(arguments["scheduler"], arguments["arguments"], event.unrecorded)
        scheduler, reason = recorded_scheduler(inner, space)
        return (None if scheduler is None else Resumable(scheduler)), reason
    if "space" in unrecorded and space is not None:
        del unrecorded["space"]
        arguments["space"] = space
    if name not in _SCHEDULERS:
        return None, f"the stops of {name}: pass it as scheduler"
    if unrecorded:
        missing = ", ".join(f"{key} ({what})" for key, what in unrecorded.items())
        return None, f"the stops of {name}: the record does not hold its {missing}; pass scheduler"
    if arguments.get("brackets", 1) != 1:
        return None, f"the stops of {name}: Ray assigns its brackets at random, without a seed"
    if not arguments.get("hard_stop", True):
        return None, f"the stops of {name}: with hard_stop=False it pauses trials"
    return _SCHEDULERS[name](**arguments), ""
