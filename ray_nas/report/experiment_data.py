"""`ExperimentData`: all that a report is made from, read once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from ray_nas.record import ExperimentRecord, TrialRecord, files, load
from ray_nas.report.analysis.search_results import (
    SearchResults,
    first_objective,
    search_results,
)
from ray_nas.report.trial_times import TrialTimes, read_trial_times
from ray_nas.retraining import Retraining, load_retraining
from ray_nas.spaces.core.search_space import SearchSpace

_NO_FOLDER: Final = "only the record is at hand, without the experiment's folder"


@dataclass(frozen=True)
class ExperimentData:
    """An experiment, and what belongs to it; made by `load_experiment`."""

    place: str
    """Its folder or record, as the user wrote it; empty if only a record object is at hand."""
    record: ExperimentRecord
    retraining: Retraining | None = None
    times: TrialTimes = field(default_factory=lambda: TrialTimes({}, _NO_FOLDER))
    space: SearchSpace | None = None
    random_search: ExperimentRecord | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    """What the user says about the experiment: command, data, hardware."""
    time_attr: str = "training_iteration"

    @cached_property
    def results(self) -> SearchResults:
        """The trials of the search as arrays."""
        return search_results(self.record)

    @property
    def metric(self) -> str:
        """The first objective."""
        return first_objective(self.record)[0]

    @property
    def mode(self) -> str:
        """Whether it is minimised or maximised, "min" or "max"."""
        return first_objective(self.record)[1]

    @property
    def winner(self) -> TrialRecord | None:
        """The trial to take home; None if none has completed.

        It is the retraining's winner; else the best trial that trained from scratch in a one-shot
        search; else the best trial by the first objective.
        """
        if self.retraining is not None and self.retraining.winner in self.record.trials:
            return self.record.trials[self.retraining.winner]
        ranked = self.record.ranked()
        retrained = [trial for trial in ranked if trial.role == "retrain"]
        return next(iter(retrained or ranked), None)

    def build_config(self, trial: TrialRecord) -> dict[str, Any]:
        """The parameters of a trial that the space has, under the space's names.

        Raises:
            ValueError: The trial is not in the space.
        """
        assert self.space is not None, "callers ask only where there is a space"
        return own_config(self.space, trial)


def load_experiment(
    experiment: ExperimentRecord | str | Path,
    *,
    space: SearchSpace | None = None,
    random_search: ExperimentRecord | str | Path | None = None,
    details: Mapping[str, str] | None = None,
    time_attr: str = "training_iteration",
) -> ExperimentData:
    """Reads an experiment.

    Args:
        experiment: Its folder (a path or a URI), its record file, or a record.
        space: The space that was searched.
        random_search: A random search on the same space, in the same forms.
        details: What is not in the record, by name.
        time_attr: The reported metric that counts the budget.

    Raises:
        FileNotFoundError: There is no record.
        RecordError: It is damaged, or of another version.
        ValueError: The trials are not in the space, or the random search has another objective.

    Example:
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = RandomSearch(NASBench201(), "loss", "min", seed=0)
        >>> config = searcher.suggest("a")
        >>> load_experiment(searcher.ledger.record, space=NASBench201()).metric
        'loss'
    """
    if isinstance(experiment, ExperimentRecord):
        data = ExperimentData("", experiment)
        times, retraining = data.times, None
    else:
        data = ExperimentData(str(experiment), load(experiment))
        reported = sum(bool(trial.reports) for trial in data.record.trials.values())
        times = read_trial_times(experiment, reported)
        retraining = load_retraining(_folder(experiment))
    first_objective(data.record)
    if space is not None:
        _check_space(space, data.record)
    return ExperimentData(
        data.place,
        data.record,
        retraining,
        times,
        space,
        _random_search(random_search, data),
        dict(details or {}),
        time_attr,
    )


def own_config(space: SearchSpace, trial: TrialRecord) -> dict[str, Any]:
    """The parameters of a trial that a space has, also where the space was under a key.

    Args:
        space: The space that was searched, or a part of it.
        trial: The trial.

    Raises:
        ValueError: The trial is not in the space.

    Example:
        >>> from ConfigSpace import ConfigurationSpace
        >>> space = SearchSpace(ConfigurationSpace({"op": ["conv", "pool"]}))
        >>> own_config(space, TrialRecord("a", {"arch.op": "conv", "lr": 0.1}, "random", ()))
        {'op': 'conv'}
    """
    reasons = []
    for prefix in _prefixes(trial.config):
        config = {
            name.removeprefix(prefix): value
            for name, value in trial.config.items()
            if name.startswith(prefix)
        }
        config = space.own_parameters(config)
        try:
            space.validate(config)
        except ValueError as error:
            reasons.append(str(error))
        else:
            return config
    raise ValueError(
        "space must be the one that was searched; "
        f"trial {trial.trial_id} is not in it: {reasons[0]}"
    )


def _prefixes(config: Mapping[str, Any]) -> list[str]:
    """No prefix, then all that end at a dot in a name."""
    found = {""}
    for name in config:
        parts = name.split(".")
        found |= {".".join(parts[:count]) + "." for count in range(1, len(parts))}
    return sorted(found, key=len)


def _check_space(space: SearchSpace, record: ExperimentRecord) -> None:
    if not isinstance(space, SearchSpace):
        raise ValueError(f"space must be a SearchSpace, got {type(space).__name__}")
    for trial in list(record.trials.values())[:10]:
        own_config(space, trial)


def _random_search(
    source: ExperimentRecord | str | Path | None, data: ExperimentData
) -> ExperimentRecord | None:
    if source is None:
        return None
    record = source if isinstance(source, ExperimentRecord) else load(source)
    if first_objective(record) != (data.metric, data.mode):
        raise ValueError(
            f"random_search must have the objective {data.metric} ({data.mode}), "
            f"got {record.objectives}"
        )
    return record


def _folder(experiment: str | Path) -> str | Path:
    if files.is_uri(experiment) or Path(experiment).is_dir():
        return experiment
    return Path(experiment).parent
