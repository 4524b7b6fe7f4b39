"""The trainable of one-shot search: supernet, evaluation by inherited weights and retraining, for
`searchers.OneShot`.

The three phases stand in one file, though it is long, since they share how data, checkpoints and
errors are dealt with.
"""

import hashlib
import json
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import torch
from pyarrow.fs import FileType
from ray import tune

from ray_nas.checks import check_int
from ray_nas.sharing.one_shot.paths.path_strategies import STRATEGIES
from ray_nas.sharing.one_shot.supernet_training import SupernetTraining
from ray_nas.spaces.model.model_space import ModelSpace
from ray_nas.trials.checkpoint import part, read_checkpoint, write_checkpoint
from ray_nas.trials.data import (
    Data,
    Loss,
    check_data,
    figures,
    number_of_batches,
    run,
    training_batches,
    training_pass,
)
from ray_nas.trials.optimizer import MakeOptimizer, Optimization, nesterov
from ray_nas.trials.seeding import seeded
from ray_nas.tune_internals.trial_errors import is_out_of_memory

_PROBES: Final = 3
"""Random sub-networks whose mean figures show a supernet's progress."""


@dataclass(frozen=True)
class _Task:
    """All that the phases share."""

    space: ModelSpace
    train_data: Data
    val_data: Data
    test_data: Data | None
    loss: Loss
    batch_size: int
    optimization: Optimization
    retrain_epochs: int
    calibration_examples: int
    affine: bool

    def supernet(self, config: Mapping[str, Any], device: torch.device) -> SupernetTraining:
        """The supernet's training from its start."""
        return SupernetTraining(
            self.space,
            STRATEGIES[config["strategy"]](self.space, config["seed"]),
            self.train_data,
            self.loss,
            epochs=config["epochs"],
            batch_size=self.batch_size,
            optimization=self.optimization,
            calibration_examples=self.calibration_examples,
            affine=self.affine,
            seed=config["seed"],
            device=device,
        )


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

    Every trial reports `phase` ("supernet", "evaluate" or "retrain"), `loss` and, where targets are
    classes, `accuracy` in [0, 1] and `calibrated_loss` (cross-entropy after temperature scaling),
    all on the validation data: of random sub-networks in the first phase, of the batch's best in
    the second, of the network in the third. Retraining counts `epoch`, which a scheduler may take
    as its `time_attr`; its last report adds `test_loss` and `test_accuracy` where there are test
    data, and says on what it ends: `reported_on` is "test" or "validation". Supernet and retraining
    go on from a checkpoint of each epoch.

    Args:
        space: The space; `build` and `supernet` make its networks.
        train_data: A pair of tensors (inputs, targets), or a DataLoader of such pairs. A last batch
            of one example is left out: batch norm can take no statistics from it.
        val_data: What guides the search.
        loss: Takes outputs and targets, gives their mean loss.
        test_data: What only the retrained networks are measured on.
        batch_size: Of data that are tensors.
        learning_rate: At the start of the supernet's training and of each retraining; it falls
            along a cosine.
        make_optimizer: Called with parameters and the learning rate.
        clip: Largest norm of the gradient.
        retrain_epochs: Passes over the data when a network is retrained.
        calibration_examples: Training examples, drawn at random, that a sub-network's batch-norm
            statistics are counted on.
        affine: Whether batch norms of the supernet learn a scale and a shift.

    Raises:
        TypeError: Data that are neither.
        ValueError: An argument breaks a rule; the message names it.
    """
    for name, data in {
        "train_data": train_data,
        "val_data": val_data,
        "test_data": test_data,
    }.items():
        if data is not None:
            check_data(name, data)
    for name, value in {
        "batch_size": batch_size,
        "retrain_epochs": retrain_epochs,
        "calibration_examples": calibration_examples,
    }.items():
        check_int(name, value, low=1)
    if not isinstance(space, ModelSpace):
        raise TypeError(
            f"space must be a ModelSpace, which has a supernet, got {type(space).__name__}"
        )
    optimization = Optimization(learning_rate, make_optimizer, clip)
    task = _Task(
        space,
        train_data,
        val_data,
        test_data,
        loss,
        batch_size,
        optimization,
        retrain_epochs,
        calibration_examples,
        affine,
    )
    trainable: Callable[[dict[str, Any]], None] = tune.with_parameters(one_shot_trial, task=task)
    return trainable


def one_shot_trial(config: dict[str, Any], task: _Task) -> None:
    """One trial, of the phase that its config names."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(
        max(1, int(tune.get_context().get_trial_resources().required_resources.get("CPU", 1)))
    )
    phases = {"supernet": _train_supernet, "evaluate": _evaluate, "retrain": _retrain}
    if config.get("phase") not in phases:
        raise ValueError(
            f"config['phase'] must be one of {', '.join(phases)}, got {config.get('phase')!r}: the searcher must be OneShot"
        )
    try:
        phases[config["phase"]](config, task, device)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            f"out of memory in phase {config['phase']!r} with batch_size={task.batch_size}: lower it, or give the trial more"
        ) from error


def _train_supernet(config: dict[str, Any], task: _Task, device: torch.device) -> None:
    training = task.supernet(config, device)
    checkpoint = tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            tensors, fields = read_checkpoint(folder)
        training.take(tensors, fields["epoch"])
    probes = [task.space.sample(random_state=seed) for seed in range(_PROBES)]
    report: dict[str, Any] = {"phase": "supernet", "strategy_note": training.strategy.note}
    while training.epoch < training.epochs:
        try:
            report["train_loss"] = training.run_epoch()
        except FloatingPointError:
            if (
                "supernet_epoch" in report
            ):  # the search goes on with the last weights that were finite
                tune.report({**report, **_weights()})
            raise
        training.adapt_strategy(task.val_data)
        report |= _mean([training.figures(probe, task.val_data) for probe in probes])
        report["supernet_epoch"] = training.epoch
        with tempfile.TemporaryDirectory() as folder:
            write_checkpoint(
                folder,
                training.tensors(),
                {**config, "epoch": training.epoch, "space": task.space.fingerprint},
            )
            tune.report({**report, **_weights()}, checkpoint=tune.Checkpoint.from_directory(folder))
    report |= _mean([training.figures(probe, task.val_data) for probe in probes])
    favourites = json.dumps(training.strategy.favourites(config["favourites"]))
    tune.report(
        {**report, **_weights(), "supernet_epoch": training.epoch, "favourites": favourites}
    )


def _evaluate(config: dict[str, Any], task: _Task, device: torch.device) -> None:
    """Figures are also kept beside the trials, so that a crash between two saves of the
    experiment costs none twice.
    """
    sub_networks = json.loads(config["sub_networks"])
    kept = _Kept(config["weights"], list(sub_networks.values()))
    training: SupernetTraining | None = None  # a batch that is done needs none
    for architecture in sub_networks.values():
        if _text(architecture) not in kept.figures:
            training = training or _trained_supernet(config["weights"], task, device)
            kept.add(_text(architecture), _figures(training, architecture, task))
    found = {name: kept.figures[_text(architecture)] for name, architecture in sub_networks.items()}
    best = min(
        found.values(), key=lambda one: one["loss"] if math.isfinite(one["loss"]) else math.inf
    )
    tune.report(
        {"phase": "evaluate", **best, "evaluated": len(found), "sub_networks": json.dumps(found)}
    )


def _figures(
    training: SupernetTraining, architecture: Mapping[str, Any], task: _Task
) -> dict[str, float]:
    """A sub-network's figures; one that is too large for the memory is infeasible, and the
    others of its batch go on.
    """
    try:
        return training.figures(architecture, task.val_data)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return {
            "loss": math.nan,
            "accuracy": math.nan,
            "calibrated_loss": math.nan,
            "out_of_memory": 1.0,
        }


def _retrain(config: dict[str, Any], task: _Task, device: torch.device) -> None:
    with seeded(config["seed"]):
        network = task.space.build(config["architecture"]).to(device)
    steps = task.retrain_epochs * number_of_batches(task.train_data, task.batch_size)
    optimizer = task.optimization.optimizer(network.parameters(), steps)
    epoch = 0
    checkpoint = tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            tensors, fields = read_checkpoint(folder)
        network.load_state_dict(part(tensors, "weights"))
        optimizer.take(part(tensors, "optimizer"))
        epoch = fields["epoch"]
    report: dict[str, Any] = {
        "phase": "retrain",
        **{f"inherited_{name}": value for name, value in config["inherited"].items()},
    }
    while epoch < task.retrain_epochs:
        epoch += 1
        network.train()
        total, number = 0.0, 0
        with seeded(config["seed"] + 1000 * epoch):
            generator = torch.Generator().manual_seed(config["seed"] + epoch)
            for inputs, targets in training_batches(
                task.train_data, task.batch_size, generator, device
            ):
                optimizer.zero_grad()
                with training_pass(targets):
                    loss = task.loss(run(network, inputs), targets)
                torch.autograd.backward(loss)
                optimizer.step()
                total, number = total + loss.item(), number + 1
                if not math.isfinite(total):
                    raise FloatingPointError(
                        f"the training loss became {total} in epoch {epoch} of {task.retrain_epochs}: lower learning_rate"
                    )
        report |= {"epoch": epoch, "train_loss": total / number, "reported_on": "validation"}
        report |= figures(network, task.val_data, task.loss, device)
        if epoch == task.retrain_epochs and task.test_data is not None:
            report |= {
                f"test_{name}": value
                for name, value in figures(network, task.test_data, task.loss, device).items()
            }
            report["reported_on"] = "test"
        with tempfile.TemporaryDirectory() as folder:
            tensors = {f"weights.{name}": tensor for name, tensor in network.state_dict().items()}
            tensors |= {f"optimizer.{name}": tensor for name, tensor in optimizer.tensors().items()}
            write_checkpoint(
                folder,
                tensors,
                {
                    "architecture": config["architecture"],
                    "epoch": epoch,
                    "space": task.space.fingerprint,
                },
            )
            tune.report(report, checkpoint=tune.Checkpoint.from_directory(folder))


class _Kept:
    """The figures of a batch of sub-networks, in a file of the experiment's storage; by their
    architecture.

    A batch that is proposed again after a restore has new trial ids and the same architectures.
    """

    def __init__(self, weights: str, architectures: list[dict[str, Any]]) -> None:
        storage = tune.get_context().get_storage()
        key = hashlib.sha256(_text([weights, architectures]).encode()).hexdigest()[:16]
        self._files = storage.storage_filesystem
        self._folder = PurePosixPath(storage.experiment_fs_path) / "sub_networks"
        self._path = str(self._folder / f"{key}.json")
        self.figures: dict[str, dict[str, float]] = {}
        if self._files.get_file_info(self._path).type is FileType.File:
            with self._files.open_input_stream(self._path) as file:
                self.figures = json.loads(file.read())

    def add(self, key: str, found: dict[str, float]) -> None:
        """Adds a sub-network's figures; the file is there whole or not at all."""
        self.figures[key] = found
        self._files.create_dir(str(self._folder), recursive=True)
        with self._files.open_output_stream(f"{self._path}.partial") as file:
            file.write(json.dumps(self.figures).encode())
        self._files.move(f"{self._path}.partial", self._path)


def _trained_supernet(weights: str, task: _Task, device: torch.device) -> SupernetTraining:
    """The supernet of a checkpoint, named by its path in the experiment's folder."""
    storage = tune.get_context().get_storage()
    checkpoint = tune.Checkpoint(
        str(PurePosixPath(storage.experiment_fs_path) / weights),
        filesystem=storage.storage_filesystem,
    )
    with checkpoint.as_directory() as folder:
        tensors, fields = read_checkpoint(folder)
    if fields["space"] != task.space.fingerprint:
        raise ValueError(
            f"the supernet in {weights} is of another space (hash {fields['space']}, now {task.space.fingerprint})"
        )
    training = task.supernet(
        {**fields, "strategy": "spos"}, device
    )  # it draws nothing more, and others take time to set up
    training.supernet.load_state_dict(part(tensors, "weights"))
    return training


def _weights() -> dict[str, str]:
    """Where the last checkpoint of this trial is, relative to the experiment's folder, which may
    be moved.
    """
    checkpoint = tune.get_checkpoint()
    if checkpoint is None:
        return {}
    return {
        "weights": str(
            PurePosixPath(checkpoint.path).relative_to(
                tune.get_context().get_storage().experiment_fs_path
            )
        )
    }


def _mean(found: list[dict[str, float]]) -> dict[str, float]:
    return {name: sum(one[name] for one in found) / len(found) for name in found[0]}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
