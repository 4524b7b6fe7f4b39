"""`retrain`: the winner and the baseline on the full budget, several seeds each, as Tune trials."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ray import tune

from ray_nas.checks import check_int
from ray_nas.record import ExperimentRecord, files, load
from ray_nas.record.chosen_trial import BEST, chosen_trial
from ray_nas.retraining.listed_runs import ListedRuns
from ray_nas.retraining.results import (
    BASELINE,
    RetrainedTrial,
    Retraining,
    load_retraining,
    save_retraining,
)
from ray_nas.retraining.retraining_folder import FOLDER, run_name
from ray_nas.retraining.searched_space import check_space
from ray_nas.spaces.core.search_space import SearchSpace
from ray_nas.tune_internals.experiment_folder import ExperimentFolder

_INHERIT_FROM: Final = "inherit_from"
_PICKLED: Final = "CLOUDPICKLE_FALLBACK"
"""Tune's mark of a pickled object in its JSON."""


def retrain(
    experiment: str | Path,
    trainable: Any,
    *,
    space: SearchSpace,
    trial: str = BEST,
    seeds: int = 3,
    seed_key: str = "seed",
    config: Mapping[str, Any] | None = None,
    resources: Mapping[str, float] | None = None,
    stop: Mapping[str, float] | None = None,
    max_concurrent: int | None = None,
    verbose: int = 0,
) -> Retraining:
    """Trains a searched trial's network again, and the baseline's beside it, with several seeds.

    Each training is a Tune trial that no scheduler stops. Its config is that of the searched trial
    with `config[seed_key]`, an integer from 0: the trainable should seed its weights and the order
    of its data with it. Metrics whose names begin with `test_` count as held-out.

    Results are written to `ray_nas_retraining.json` in the experiment's folder after each training.
    Called again, finished trainings are kept, and the others are run.

    Args:
        experiment: The experiment's local folder.
        trainable: The function or class that was searched with, on its full budget. Without
            checkpoints in its reports, the trained network cannot be exported.
        space: The space that was searched.
        trial: A trial's id, or "best".
        seeds: Trainings of the winner, and of the baseline; at least 1. The baseline is left out if
            neither the search nor the space has one.
        seed_key: The config's key for the seed.
        config: Entries that replace those of the searched trial's config, such as
            `{"epochs": 200}` for the full budget, or objects, which Tune pickles and this does not
            read.
        resources: Resources of a trial, such as `{"cpu": 1, "gpu": 0.5}`; None for Tune's default.
        stop: Tune's criteria to stop a class that does not end by itself, such as
            `{"training_iteration": 50}`.
        max_concurrent: Most trials at a time; None for as many as fit.
        verbose: Tune's own output.

    Returns:
        All trainings of the experiment's folder.

    Raises:
        FileNotFoundError: The experiment has no record.
        ValueError: It cannot be read, the trial is unknown, the space is another one, or an
            argument breaks a rule.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> retrain("/results/none", print, space=NASBench201())
        Traceback (most recent call last):
        ...
        FileNotFoundError: no ray_nas_record-*.json in /results/none: is it the folder of an \
experiment that a ray_nas searcher ran?
    """
    check_int("seeds", seeds, low=1)
    if not callable(trainable):
        raise ValueError(f"trainable must be a function or a tune.Trainable, got {trainable!r}")
    if files.is_uri(experiment):
        raise ValueError(
            f"experiment must be a local folder, got {experiment}: copy it here, and copy the "
            "folder back afterwards"
        )
    folder = Path(experiment).expanduser().resolve()
    plan = make_plan(folder, space, trial, seeds, seed_key, config or {})
    if plan.runs:
        _run(folder, plan, trainable, resources, stop, max_concurrent, verbose)
    result = plan.result()
    save_retraining(folder, result)
    return result


@dataclass
class Plan:
    """The trainings that are done, and those to run."""

    folder: Path
    """The searched experiment's."""
    metric: str
    """The metric that was searched for."""
    mode: str
    """"min" or "max"."""
    winner: str
    """The id of the searched trial."""
    done: list[RetrainedTrial]
    """Trainings that ended well."""
    runs: list[RetrainedTrial] = field(default_factory=list)
    """Trainings to run."""
    configs: list[dict[str, Any]] = field(default_factory=list)
    """The trainable's config of each."""

    def add(self, run: RetrainedTrial) -> None:
        """Adds a training that has ended, and writes the results."""
        names = {(run.trial, run.seed)}
        self.done = [one for one in self.done if (one.trial, one.seed) not in names] + [run]
        save_retraining(self.folder, self.result())

    def result(self) -> Retraining:
        """All trainings: those of the winner first, then the baseline's, then others."""
        places = [self.winner, BASELINE]
        ordered = sorted(
            self.done,
            key=lambda one: (
                places.index(one.trial) if one.trial in places else len(places),
                one.trial,
                one.seed,
            ),
        )
        test = _test_metric(ordered, self.metric)
        return Retraining(ordered, self.metric, self.mode, test, self.winner)


def make_plan(
    folder: Path,
    space: SearchSpace,
    trial: str,
    seeds: int,
    seed_key: str,
    replaced: Mapping[str, Any],
) -> Plan:
    """What is to be trained, given what is done.

    Raises:
        ValueError: As for `retrain`.
    """
    record = load(folder)
    check_space(record, space, folder)
    if seed_key in space.domains:
        raise ValueError(
            f"seed_key must not be a parameter of the space, got {seed_key!r}: give another one"
        )
    winner = chosen_trial(record, trial, folder)
    earlier = load_retraining(folder)
    metric, mode = next(iter(record.objectives.items()))
    kept = [one for one in (earlier.trials if earlier else []) if not one.reason]
    plan = Plan(folder, metric, mode, winner.trial_id, kept)
    known = {(one.trial, one.seed): one.config for one in kept}
    for name, config, tune_config in _networks(record, folder, space, winner.trial_id):
        tune_config |= replaced
        config |= {key: value for key, value in replaced.items() if _is_plain(value)}
        _refuse_pickled(tune_config, folder)
        for seed in range(seeds):
            if known.get((name, seed)) != config:
                plan.runs.append(RetrainedTrial(name, config, seed, {}))
                plan.configs.append({**tune_config, seed_key: seed})
    return plan


def _networks(
    record: ExperimentRecord, folder: Path, space: SearchSpace, winner: str
) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, recorded config and trainable's config of the winner and of the baseline."""
    tune_configs = ExperimentFolder(folder).trial_configs()
    config = dict(record.trials[winner].config)
    found = [(winner, config, _tune_config(config, tune_configs.get(winner)))]
    baseline = record.baseline
    if baseline is not None:
        given = tune_configs.get(baseline.trial_id)
        config = dict(baseline.config)
        found.append((BASELINE, config, _tune_config(config, given)))
    elif space.baseline is not None:
        found.append((BASELINE, dict(space.baseline), space.to_tune(space.baseline)))
    return found


def _tune_config(config: dict[str, Any], given: dict[str, Any] | None) -> dict[str, Any]:
    """The config that Tune passed to the trial, if the recorded one is in it; else the recorded."""
    flat = {} if given is None else _flat(given, "")
    if given is None or not config.items() <= flat.items():
        return dict(config)
    return {name: value for name, value in given.items() if name != _INHERIT_FROM}


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _refuse_pickled(config: Mapping[str, Any], folder: Path) -> None:
    for name, value in config.items():
        if isinstance(value, Mapping) and _PICKLED in value.values():
            raise ValueError(
                f"config[{name!r}] of the trials in {folder} is an object, which Tune has pickled: "
                f"pass it again, retrain(..., config={{{name!r}: ...}})"
            )


def _flat(config: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _test_metric(trials: list[RetrainedTrial], metric: str) -> str | None:
    """The held-out counterpart of the metric, else the first held-out metric, else None."""
    names = [name for one in trials for name in one.metrics if name.startswith("test_")]
    return f"test_{metric}" if f"test_{metric}" in names else next(iter(names), None)


def _run(
    folder: Path,
    plan: Plan,
    trainable: Any,
    resources: Mapping[str, float] | None,
    stop: Mapping[str, float] | None,
    max_concurrent: int | None,
    verbose: int,
) -> None:
    """Runs the trainings, and adds each to the plan when it has ended."""
    for run in plan.runs:  # what an interrupted training left
        shutil.rmtree(folder / FOLDER / run_name(run.trial, run.seed), ignore_errors=True)
    search = ListedRuns(plan.runs, plan.configs, plan.add)
    tuner = tune.Tuner(
        trainable if resources is None else tune.with_resources(trainable, dict(resources)),
        tune_config=tune.TuneConfig(
            search_alg=search,
            metric=plan.metric,
            mode=plan.mode,
            num_samples=len(plan.runs),
            max_concurrent_trials=max_concurrent,
            trial_dirname_creator=search.folder_name,
        ),
        run_config=tune.RunConfig(
            name=FOLDER, storage_path=str(folder), stop=stop, verbose=verbose
        ),
    )
    results = tuner.fit()
    ended = [results[number] for number in range(len(results))]
    errors = {Path(one.path).name: one.error for one in ended if one.error is not None}
    for run in list(plan.done):
        error = errors.get(run_name(run.trial, run.seed))
        if error is not None:
            plan.add(replace(run, reason=_last_line(error)))


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
