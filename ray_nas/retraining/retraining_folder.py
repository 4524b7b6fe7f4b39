"""Where the trainings of a retraining are stored: an experiment of Tune inside the searched one."""

import math
from typing import Final

from ray import tune

from ray_nas.record import files
from ray_nas.retraining.results import RetrainedTrial, Retraining
from ray_nas.tune_internals.experiment_folder import ExperimentFolder

FOLDER: Final = "ray_nas_retraining"
"""Its name in the experiment's folder."""


def run_name(trial: str, seed: int) -> str:
    """The name of a training's folder.

    Example:
        >>> run_name("1f3c/7", 2)
        '1f3c_7-seed_2'
    """
    return f"{trial.replace('/', '_')}-seed_{seed}"


def best_retraining(
    folder: ExperimentFolder, retraining: Retraining, trial: str
) -> tuple[RetrainedTrial, tune.Checkpoint] | None:
    """The best training of a trial by the searched metric, with its checkpoint.

    The metric is the one that guided the search, not the held-out one, which must not choose.

    Args:
        folder: The searched experiment.
        retraining: Its results.
        trial: The id of the searched trial.

    Returns:
        The training and its newest checkpoint; None if none has both.
    """
    trainings = ExperimentFolder(files.inside(folder.place, FOLDER))
    found = []
    for run in retraining.trials:
        value = run.metrics.get(retraining.metric, math.nan)
        if run.trial == trial and not run.reason and math.isfinite(value):
            checkpoint = trainings.newest_checkpoint_in(run_name(trial, run.seed))
            if checkpoint is not None:
                found.append((value, run, checkpoint))
    if not found:
        return None
    best = (max if retraining.mode == "max" else min)(found, key=lambda one: one[0])
    return best[1], best[2]
