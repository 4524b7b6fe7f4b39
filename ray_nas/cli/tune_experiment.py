"""One Tune experiment from a space, a trainable and a searcher's name."""

import inspect
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ConfigSpace import ConfigurationSpace
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import Searcher
from torch import nn

from ray_nas.record import files as record_files
from ray_nas.searchers import OneShot
from ray_nas.searchers.registry import SEARCHERS
from ray_nas.spaces import ModelSpace, SearchSpace
from ray_nas.spaces.core.search_space import Config


def run_search(
    space: Any,
    trainable: Any,
    *,
    searcher: str,
    metric: str,
    mode: str,
    num_samples: int,
    time_budget: float | None,
    resources: dict[str, float],
    max_concurrent: int | None,
    asha: tuple[str, int] | None,
    seed: int | None,
    storage_path: str | None,
    name: str | None,
    resume: bool,
    verbose: int,
    points: Sequence[Config] = (),
) -> str:
    """Runs or resumes an experiment; `points` are configs to try first.

    Returns:
        The experiment's folder, a path or a URI.

    Raises:
        ValueError: An argument breaks a rule; the message names it.
    """
    if not callable(trainable):
        raise ValueError(
            f"TRAINABLE must be a function or a tune.Trainable class, got {trainable!r}"
        )
    if num_samples == -1 and time_budget is None:
        raise ValueError("--num-samples -1 needs a --time-budget, or the search never ends")
    prepared = tune.with_resources(trainable, resources)
    if resume:
        place = record_files.inside(
            _storage(storage_path) or str(Path("~/ray_results").expanduser()), str(name)
        )
        if not tune.Tuner.can_restore(place):
            raise ValueError(f"--resume: there is no experiment {place}")
        tune.Tuner.restore(place, trainable=prepared, resume_errored=False).fit()
        return place
    search_alg = _make_searcher(searcher, as_space(space), metric, mode, seed, points)
    if isinstance(search_alg, OneShot):
        num_samples = search_alg.num_trials
    name = name or f"{searcher}_{time.strftime('%Y-%m-%d_%H-%M-%S')}"
    tuner = tune.Tuner(
        prepared,
        tune_config=tune.TuneConfig(
            search_alg=search_alg,
            scheduler=ASHAScheduler(time_attr=asha[0], max_t=asha[1]) if asha else None,
            metric=metric,
            mode=mode,
            num_samples=num_samples,
            time_budget_s=time_budget,
            max_concurrent_trials=max_concurrent,
            trial_dirname_creator=lambda trial: str(trial.trial_id),
        ),
        run_config=tune.RunConfig(
            name=name,
            storage_path=_storage(storage_path),
            verbose=verbose,
        ),
    )
    folder = tuner.fit().experiment_path  # without a URI's scheme
    return (
        record_files.inside(storage_path, name)
        if storage_path and record_files.is_uri(storage_path)
        else folder
    )


def _make_searcher(
    name: str,
    space: SearchSpace,
    metric: str,
    mode: str,
    seed: int | None,
    points: Sequence[Config] = (),
) -> Searcher:
    if name == "OneShot":
        return OneShot(space, metric, mode, seed=seed)  # type: ignore[arg-type]  # it checks
    if name not in SEARCHERS:
        known = ", ".join([*SEARCHERS, "OneShot"])
        raise ValueError(f"--searcher must be one of {known}, got {name!r}")
    return SEARCHERS[name](space, metric, mode, seed=seed, points_to_evaluate=points)


def as_space(space: Any) -> SearchSpace:
    """The search space of a SearchSpace, a ConfigurationSpace or a module class with choices.

    Raises:
        ValueError: It is something else.
    """
    if isinstance(space, SearchSpace):
        return space
    if isinstance(space, ConfigurationSpace):
        return SearchSpace(space)
    if inspect.isclass(space) and issubclass(space, nn.Module):
        return ModelSpace(space)
    raise ValueError(
        "SPACE must be a SearchSpace, a ConfigurationSpace or an nn.Module class, "
        f"got {type(space).__name__}"
    )


def _storage(path: str | None) -> str | None:
    """The path as Tune needs it: a URI or absolute."""
    return path if path is None or record_files.is_uri(path) else str(Path(path).resolve())
