"""The trainable of one-shot search; the searcher is `ray_nas.searchers.OneShot`.

A trial is in one of three phases, named in its config: it trains the supernet, evaluates
sub-networks with the supernet's weights, or retrains one of the best from scratch.
"""

from collections.abc import Callable
from typing import Any, Final

import torch
from ray import tune

from ray_nas.sharing.one_shot.evaluation_phase import evaluate_sub_networks
from ray_nas.sharing.one_shot.one_shot_task import OneShotTask
from ray_nas.sharing.one_shot.retraining_phase import retrain
from ray_nas.sharing.one_shot.supernet_phase import train_supernet
from ray_nas.spaces.model.model_space import ModelSpace
from ray_nas.trials.data import Data, Loss
from ray_nas.trials.optimizer import MakeOptimizer, Optimization, nesterov
from ray_nas.tune_internals.trial_errors import is_out_of_memory

Phase = Callable[[dict[str, Any], OneShotTask, torch.device], None]

_PHASES: Final[dict[str, Phase]] = {
    "supernet": train_supernet,
    "evaluate": evaluate_sub_networks,
    "retrain": retrain,
}


def one_shot_trainable(
    space: ModelSpace,
    *,
    train_data: Data,
    val_data: Data,
    loss: Loss,
    test_data: Data | None = None,
    batch_size: int = 64,
    learning_rate: float = 0.05,
    make_optimizer: MakeOptimizer = nesterov,
    clip: float = 5.0,
    retrain_epochs: int = 50,
    calibration_examples: int = 512,
    affine: bool = False,
) -> Callable[[dict[str, Any]], None]:
    """The trainable for a Tune experiment whose searcher is `OneShot`.

    Every trial reports `phase` ("supernet", "evaluate" or "retrain") and metrics on the validation
    data: `loss` and, for classes as targets, `accuracy` in [0, 1] and `calibrated_loss`
    (cross-entropy after temperature scaling). In the supernet phase they are means over random
    sub-networks, in the evaluation phase those of the batch's best sub-network, in retraining those
    of the network.

    Retraining also reports `epoch`, which a scheduler can use as its `time_attr`. Its last report
    adds `test_loss` and `test_accuracy` if there are test data; `reported_on` is "test" then,
    otherwise "validation". The supernet and retraining continue from a checkpoint of each epoch.

    Args:
        space: The search space.
        train_data: A pair of tensors (inputs, targets), or a DataLoader of such pairs. A last batch
            of one example is skipped: batch norm cannot normalise it.
        val_data: Data that guide the search.
        loss: Takes outputs and targets, returns their mean loss.
        test_data: Data on which only retrained networks are evaluated.
        batch_size: Examples per batch; only for tensors.
        learning_rate: Initial learning rate of the supernet and of each retraining; it falls to 0
            along a cosine.
        make_optimizer: Makes an optimizer from parameters and a learning rate.
        clip: Largest norm of the gradient.
        retrain_epochs: Epochs of a retraining.
        calibration_examples: Number of random training examples from which a sub-network's
            batch-norm statistics are recomputed.
        affine: Whether batch norms of the supernet learn a scale and a shift.

    Raises:
        TypeError: `space` is not a `ModelSpace`, or data are neither tensors nor a DataLoader.
        ValueError: Another argument is invalid; the message names it.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> data = torch.rand(8, 1, 8, 8), torch.arange(8) % 2
        >>> trainable = one_shot_trainable(
        ...     NASBench201(channels=2, cells_per_stage=1, num_classes=2, in_channels=1),
        ...     train_data=data,
        ...     val_data=data,
        ...     loss=torch.nn.functional.cross_entropy,
        ... )
        >>> search = tune.with_resources(trainable, {"cpu": 1})  # for tune.Tuner(search, ...)
    """
    task = OneShotTask(
        space=space,
        train_data=train_data,
        val_data=val_data,
        test_data=test_data,
        loss=loss,
        batch_size=batch_size,
        optimization=Optimization(learning_rate, make_optimizer, clip),
        retrain_epochs=retrain_epochs,
        calibration_examples=calibration_examples,
        affine=affine,
    )
    trainable: Callable[[dict[str, Any]], None] = tune.with_parameters(one_shot_trial, task=task)
    return trainable


def one_shot_trial(config: dict[str, Any], task: OneShotTask) -> None:
    """Runs one trial, in the phase that its config names."""
    resources = tune.get_context().get_trial_resources().required_resources
    torch.set_num_threads(max(1, int(resources.get("CPU", 1))))
    phase = config.get("phase")
    if phase not in _PHASES:
        raise ValueError(
            f"config['phase'] must be one of {', '.join(_PHASES)}, got {phase!r}: "
            "the searcher must be OneShot"
        )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        _PHASES[phase](config, task, device)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            f"out of memory in phase {phase!r} with batch_size={task.batch_size}: "
            "lower it, or give the trial more memory"
        ) from error
