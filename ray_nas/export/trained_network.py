"""The trained network of a trial: from its checkpoint, a supernet's, or that of a retraining."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import torch
from ray import tune
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ray_nas.export.export_error import ExportError
from ray_nas.record.experiment import TrialRecord
from ray_nas.retraining.results import load_retraining
from ray_nas.retraining.retraining_folder import best_retraining
from ray_nas.retraining.searched_space import own_config
from ray_nas.spaces.model.model_space import ModelSpace
from ray_nas.trials.batch_norm import recompute_batch_norm
from ray_nas.trials.checkpoint import read_checkpoint
from ray_nas.trials.data import Batch
from ray_nas.trials.state_tensors import select_part
from ray_nas.tune_internals.experiment_folder import ExperimentFolder

Weights: TypeAlias = Literal["auto", "trial", "supernet", "retraining"]
"""Where weights come from; "auto" takes the retraining, else the trial, else the supernet."""


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with trained weights, and where they come from.

    Example:
        >>> TrainedNetwork(nn.Linear(2, 1), {"depth": 1}, "trial", "a/c_1", {}, {}).source
        'trial'
    """

    network: nn.Module
    config: dict[str, Any]
    """The architecture, as a config of the space."""
    source: str
    """"trial", "supernet" or "retraining"."""
    checkpoint: str
    """The checkpoint's folder."""
    fields: dict[str, Any]
    """JSON values saved with the weights, such as the epoch."""
    metrics: dict[str, float]
    """Metrics of these weights: the last that were reported."""
    seed: int | None = None
    """The seed of the retraining."""


def trained_network(
    folder: ExperimentFolder,
    trial: TrialRecord,
    space: ModelSpace,
    weights: Weights = "auto",
    calibration: Sequence[Batch] | None = None,
) -> TrainedNetwork:
    """The network of a trial with its trained weights.

    Args:
        folder: The experiment.
        trial: The trial.
        space: The space.
        weights: Where the weights come from.
        calibration: Training batches (inputs, targets) for the batch norms of a supernet's part.

    Raises:
        ValueError: `weights` is unknown.
        ExportError: There is no checkpoint, or it does not fit the network; the message says what
            to do.
    """
    if weights not in get_args(Weights):
        raise ValueError(f"weights must be one of {', '.join(get_args(Weights))}, got {weights!r}")
    config = own_config(space, trial.config)
    if weights in ("auto", "retraining"):
        found = _from_retraining(folder, trial, space, config)
        if found is not None:
            return found
    if weights in ("auto", "trial"):
        checkpoint = folder.newest_checkpoint(trial.trial_id)
        if checkpoint is not None:
            metrics = dict(trial.metrics)
            return _load(space, config, checkpoint, "trial", metrics)
    if weights in ("auto", "supernet"):
        path = folder.supernet_checkpoint(trial.trial_id)
        checkpoint = None if path is None else folder.checkpoint(path)
        if checkpoint is not None:
            network = _load(space, config, checkpoint, "supernet", dict(trial.metrics))
            _calibrate(network.network, calibration)
            return network
    raise ExportError(_missing(folder, trial, weights))


def _missing(folder: ExperimentFolder, trial: TrialRecord, weights: Weights) -> str:
    again = f"`ray-nas retrain {folder.place} MODULE:TRAINABLE --trial {trial.trial_id}`"
    if weights == "retraining":
        return f"{folder.place} has no retraining of trial {trial.trial_id}: run {again}"
    if weights == "supernet":
        return (
            f"trial {trial.trial_id} of {folder.place} is no part of a supernet whose checkpoint "
            "still exists: use weights='auto'"
        )
    return (
        f"trial {trial.trial_id} of {folder.place} has no checkpoint: report one "
        "(`with ray_nas.trials.save_checkpoint(network) as checkpoint: tune.report(metrics, "
        f"checkpoint=checkpoint)`), or train this network again with such a report: {again}"
    )


def _from_retraining(
    folder: ExperimentFolder, trial: TrialRecord, space: ModelSpace, config: dict[str, Any]
) -> TrainedNetwork | None:
    """The best of the trial's retrainings; None if there is none with a checkpoint."""
    retraining = load_retraining(folder.place)
    best = None if retraining is None else best_retraining(folder, retraining, trial.trial_id)
    if best is None:
        return None
    run, checkpoint = best
    found = _load(space, config, checkpoint, "retraining", dict(run.metrics))
    return TrainedNetwork(**{**vars(found), "seed": run.seed})


def _load(
    space: ModelSpace,
    config: dict[str, Any],
    checkpoint: tune.Checkpoint,
    source: str,
    metrics: dict[str, float],
) -> TrainedNetwork:
    try:
        tensors, fields = read_checkpoint(checkpoint)
    except ValueError as error:
        raise ExportError(
            f"{error}; save with `ray_nas.trials.save_checkpoint(network)` in the trainable"
        ) from error
    is_one_shot = "space" in fields  # the state of a whole training, as OneShot's phases save it
    weights = select_part(tensors, "weights") if is_one_shot else tensors
    try:
        network = _with_weights(space, config, weights, source)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:400]
        raise ExportError(
            f"the checkpoint {checkpoint.path} does not fit the network of {config}: {reason}. "
            "Was the space made with other arguments, or the checkpoint of another network?"
        ) from error
    return TrainedNetwork(network, config, source, str(checkpoint.path), fields, metrics)


def _with_weights(
    space: ModelSpace, config: dict[str, Any], weights: Mapping[str, torch.Tensor], source: str
) -> nn.Module:
    if source != "supernet":
        network = space.build(config)
        network.load_state_dict(weights)
        return network.eval()
    supernet = space.supernet()
    supernet.load_state_dict(weights)
    return supernet.network(config).eval()


def _calibrate(network: nn.Module, batches: Sequence[Batch] | None) -> None:
    """Recomputes the batch norms, whose statistics mix all networks of the supernet."""
    has_statistics = any(
        isinstance(layer, _BatchNorm) and layer.track_running_stats for layer in network.modules()
    )
    if not has_statistics:
        return
    if batches is None:
        raise ExportError(
            "the supernet's batch-norm statistics mix all its networks: pass "
            "calibration=[(inputs, targets), ...], batches of training data from which this "
            "network's own are computed"
        )
    recompute_batch_norm(network, batches)
    network.eval()
