"""The second phase of one-shot search: evaluates sub-networks with the supernet's weights."""

import json
import math
from collections.abc import Mapping
from typing import Any

import torch
from ray import tune

from ray_nas.sharing.one_shot.evaluation_cache import EvaluationCache
from ray_nas.sharing.one_shot.one_shot_task import OneShotTask
from ray_nas.sharing.one_shot.supernet_training import SupernetTraining
from ray_nas.trials.checkpoint import read_checkpoint
from ray_nas.trials.state_tensors import select_part
from ray_nas.tune_internals.trial_errors import is_out_of_memory
from ray_nas.tune_internals.trial_storage import experiment_checkpoint

_TOO_LARGE = {
    "loss": math.nan,
    "accuracy": math.nan,
    "calibrated_loss": math.nan,
    "out_of_memory": 1.0,
}
"""Metrics of a sub-network that does not fit into memory; NaN makes it infeasible."""


def evaluate_sub_networks(config: dict[str, Any], task: OneShotTask, device: torch.device) -> None:
    """Evaluates a batch of sub-networks.

    Reports the metrics of the best, and as JSON in `sub_networks` those of all. They are also
    written beside the trials, so that a crash between two saves of the experiment repeats none.

    Args:
        config: The trial's config: `weights`, the path of the supernet's checkpoint, and
            `sub_networks`, their configs by name as JSON.
        task: The settings.
        device: Where the sub-networks run.
    """
    sub_networks: dict[str, dict[str, Any]] = json.loads(config["sub_networks"])
    cache = EvaluationCache(config["weights"], list(sub_networks.values()))
    training: SupernetTraining | None = None  # loaded when it is needed
    metrics: dict[str, dict[str, float]] = {}
    for name, architecture in sub_networks.items():
        found = cache.get(architecture)
        if found is None:
            training = training or _load_supernet(config["weights"], task, device)
            found = _evaluate(training, architecture, task)
            cache.add(architecture, found)
        metrics[name] = found
    best = min(metrics.values(), key=_finite_loss)
    tune.report(
        {
            "phase": "evaluate",
            **best,
            "evaluated": len(metrics),
            "sub_networks": json.dumps(metrics),
        }
    )


def _evaluate(
    training: SupernetTraining, architecture: Mapping[str, Any], task: OneShotTask
) -> dict[str, float]:
    """Running out of memory makes one sub-network infeasible, and the others continue."""
    try:
        return training.evaluate(architecture, task.val_data)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return dict(_TOO_LARGE)


def _finite_loss(metrics: Mapping[str, float]) -> float:
    return metrics["loss"] if math.isfinite(metrics["loss"]) else math.inf


def _load_supernet(path: str, task: OneShotTask, device: torch.device) -> SupernetTraining:
    """The trained supernet of a checkpoint in the experiment's folder."""
    checkpoint = experiment_checkpoint(path)
    if checkpoint is None:
        raise ValueError(f"the supernet's checkpoint {path} was deleted: keep all checkpoints")
    tensors, fields = read_checkpoint(checkpoint)
    if fields["space"] != task.space.fingerprint:
        raise ValueError(
            f"the supernet in {path} is of another space "
            f"(hash {fields['space']}, now {task.space.fingerprint})"
        )
    # It draws no more paths, and single paths need no setup.
    training = task.supernet_training({**fields, "strategy": "spos"}, device)
    training.supernet.load_state_dict(select_part(tensors, "weights"))
    return training
