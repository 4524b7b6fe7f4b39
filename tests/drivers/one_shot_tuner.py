"""One-shot searches in Tune, with short folder names and without loggers."""

from pathlib import Path
from typing import Any

from ray import tune

from ray_nas.searchers import OneShot, RandomSearch
from ray_nas.spaces import NASBench201


def small_one_shot(space: NASBench201, evaluations: int, per_trial: int) -> OneShot:
    """A search of one supernet epoch, random sub-networks and one retraining."""
    return OneShot(
        space,
        "accuracy",
        "max",
        searcher=RandomSearch(space, seed=1),
        supernet_epochs=1,
        evaluations=evaluations,
        evaluations_per_trial=per_trial,
        retrain=1,
        seed=1,
    )


def one_shot_tuner(
    trainable: Any, search: OneShot, folder: Path, name: str = "run", max_failures: int = 0
) -> tune.Tuner:
    """A tuner for all trials of the search; the trainable comes with its resources."""
    failures = tune.FailureConfig(max_failures=max_failures)
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=search,
            num_samples=search.num_trials,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name=name, storage_path=str(folder), callbacks=[], verbose=0, failure_config=failures
        ),
    )
