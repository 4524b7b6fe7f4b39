"""One Tune experiment from a space, a trainable and a searcher's name."""

import inspect
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ConfigSpace import ConfigurationSpace
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import Searcher
from torch import nn

from ray_nas.cli.command_file import Command
from ray_nas.cluster import ProgressLine
from ray_nas.record import files as record_files
from ray_nas.searchers import ArchitectureSearcher, OneShot
from ray_nas.searchers.registry import SEARCHERS
from ray_nas.spaces import ModelSpace, SearchSpace
from ray_nas.spaces.core.search_space import Config


@dataclass(frozen=True)
class SearchSettings:
    """What `ray-nas search` decides about an experiment besides its space and trainable."""

    searcher: str
    metric: str
    mode: str
    num_samples: int
    resources: Mapping[str, float]
    """Of one trial, by Tune's names."""
    time_budget: float | None = None
    """Seconds after which the experiment ends."""
    max_concurrent: int | None = None
    asha: tuple[str, int] | None = None
    """Stop early by ASHA: the metric that counts a trial's budget, and its full length."""
    seed: int | None = None
    storage_path: str | None = None
    name: str | None = None
    verbose: int = 0
    """Tune's own output; with 0 there is one line of progress."""
    quiet: bool = False
    """Whether there is no line of progress either."""


def run_search(
    space: Any,
    trainable: Any,
    settings: SearchSettings,
    command: Command,
    points: Sequence[Config] = (),
) -> str:
    """Runs an experiment.

    Args:
        space: A space, or a module class with choices.
        trainable: A function or a `tune.Trainable` class.
        settings: Everything else.
        command: What to write into the experiment's folder, for `resume_search`.
        points: Configs to try first.

    Returns:
        The experiment's folder, a path or a URI.

    Raises:
        ValueError: An argument breaks a rule; the message names it.
    """
    _check_trainable(trainable)
    if settings.num_samples == -1 and settings.time_budget is None:
        raise ValueError("--num-samples -1 needs a --time-budget, or the search never ends")
    search_alg = _make_searcher(settings, as_space(space), points)
    num_samples = settings.num_samples
    if isinstance(search_alg, OneShot):
        num_samples = search_alg.num_trials
    asha = settings.asha
    name = settings.name or f"{settings.searcher}_{time.strftime('%Y-%m-%d_%H-%M-%S')}"
    storage = absolute(settings.storage_path or "~/ray_results")
    tuner = tune.Tuner(
        tune.with_resources(trainable, dict(settings.resources)),
        tune_config=tune.TuneConfig(
            search_alg=search_alg,
            scheduler=ASHAScheduler(time_attr=asha[0], max_t=asha[1]) if asha else None,
            metric=settings.metric,
            mode=settings.mode,
            num_samples=num_samples,
            time_budget_s=settings.time_budget,
            max_concurrent_trials=settings.max_concurrent,
            trial_dirname_creator=lambda trial: str(trial.trial_id),
        ),
        run_config=tune.RunConfig(
            name=name,
            storage_path=storage,
            verbose=settings.verbose,
            callbacks=_callbacks(settings),
        ),
    )
    place = record_files.inside(storage, name)
    command.write(place)
    if not settings.verbose:
        _silence_tune()
    tuner.fit()
    return place


def resume_search(
    experiment: str, trainable: Any, resources: Mapping[str, float], *, retry_failed: bool
) -> str:
    """Continues an experiment.

    Args:
        experiment: Its folder, a path or a URI.
        trainable: The trainable that it was started with.
        resources: Of one trial.
        retry_failed: Whether to run failed trials again.

    Returns:
        The experiment's folder.

    Raises:
        ValueError: There is no such experiment.
    """
    _check_trainable(trainable)
    place = absolute(experiment)
    if not tune.Tuner.can_restore(place):
        raise ValueError(f"EXPERIMENT: there is no Tune experiment in {experiment}")
    prepared = tune.with_resources(trainable, dict(resources))
    _silence_tune()
    tune.Tuner.restore(place, trainable=prepared, resume_errored=retry_failed).fit()
    return place


def _silence_tune() -> None:
    """Keeps Tune's banner out, which `verbose=0` alone does not."""
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")


def _check_trainable(trainable: Any) -> None:
    if not callable(trainable):
        raise ValueError(
            f"TRAINABLE must be a function or a tune.Trainable class, got {trainable!r}"
        )


def _callbacks(settings: SearchSettings) -> list[tune.Callback]:
    if settings.verbose or settings.quiet:
        return []
    return [ProgressLine(settings.asha[0] if settings.asha else None)]


def _make_searcher(
    settings: SearchSettings, space: SearchSpace, points: Sequence[Config] = ()
) -> Searcher:
    name, metric, mode, seed = settings.searcher, settings.metric, settings.mode, settings.seed
    if name == "OneShot":
        return OneShot(space, metric, mode, seed=seed)  # type: ignore[arg-type]  # it checks
    return searcher_class(name)(space, metric, mode, seed=seed, points_to_evaluate=points)


def searcher_class(name: str) -> type[ArchitectureSearcher]:
    """The searcher of that name.

    Raises:
        ValueError: There is none.
    """
    if name not in SEARCHERS:
        known = ", ".join([*SEARCHERS, "OneShot"])
        raise ValueError(f"--searcher must be one of {known}, got {name!r}")
    return SEARCHERS[name]


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


def absolute(place: str) -> str:
    """A path as Tune needs it; a URI stays."""
    return place if record_files.is_uri(place) else str(Path(place).expanduser().resolve())
