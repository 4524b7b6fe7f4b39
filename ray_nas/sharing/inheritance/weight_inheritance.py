"""Weights handed from a trial to its children, as Tune checkpoints (Jin, Song & Hu, 2019, and Cai
et al., 2018, evolve so).

https://arxiv.org/abs/1806.10282, https://arxiv.org/abs/1707.04873

A checkpoint holds a network's weights, its config and how long its lineage has been trained: a
child needs no more than its parent's path, which `RegularizedEvolution(..., inherit_weights=True)`
puts into its config.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from tempfile import TemporaryDirectory
from typing import Any

import torch
from ray import tune
from torch import nn

from ray_nas.searchers.core.parent_checkpoints import INHERIT_FROM, INHERITANCE, TRIAL_FOLDER
from ray_nas.sharing.inheritance.morphism import Inheritance, Inputs, morph
from ray_nas.spaces import ModelSpace
from ray_nas.trials.checkpoint import read_checkpoint, write_checkpoint


@dataclass
class Lineage:
    """Where a trial's network comes from, and how long it and its ancestors have been trained.
    Made by `inherit_weights`.
    """

    config: Mapping[str, Any]
    """The architecture."""
    inheritance: Inheritance
    """What it has of its parent's weights."""
    parent_epochs: int = 0
    """Epochs that its ancestors were trained before it: those of the parent's own lineage, up to
    the checkpoint.
    """
    epoch: int = 0
    """Epochs reported so far in this trial; after a restore, those up to the trial's own
    checkpoint.
    """

    def report(self, metrics: Mapping[str, Any], network: nn.Module) -> None:
        """Reports an epoch to Tune, with a checkpoint of the network.

        Args:
            metrics: The user's own. Added are `epoch` and `lineage_epochs` (those of this trial,
                and with all ancestors), `inheritance` ("preserved", "partial" or "fresh"),
                `inherited_share` and where the trial's folder is.
            network: The network as it is now.
        """
        self.epoch += 1
        added = {
            "epoch": self.epoch,
            "lineage_epochs": self.parent_epochs + self.epoch,
            "inherited_share": self.inheritance.share,
            INHERITANCE: self.inheritance.kind,
            TRIAL_FOLDER: tune.get_context().get_storage().trial_dir_name,
        }
        with TemporaryDirectory() as folder:
            write_checkpoint(folder, network.state_dict(), asdict(self))
            tune.report({**added, **metrics}, checkpoint=tune.Checkpoint.from_directory(folder))


def inherit_weights(
    space: ModelSpace,
    config: Mapping[str, Any],
    *,
    key: str | None = None,
    batch: Inputs | None = None,
) -> tuple[nn.Module, Lineage]:
    """In a Tune function: the network of a trial's config, with its parent's weights where there
    are any.

    A trial that is restored goes on with its own weights instead. A parent's checkpoint that is
    gone (Tune keeps as many as its `CheckpointConfig` says) means fresh weights.

    Args:
        space: The space whose `build` makes the networks.
        config: The trial's config.
        key: Where it holds the architecture, e.g. "arch" for `param_space={"arch": space}`; None if
            at its top.
        batch: Inputs on which new layers are settled, best a batch of training data; see `morph`.

    Returns:
        The network in training mode, and its lineage, whose `report` is to be called once for each
        epoch.

    Raises:
        ValueError: A checkpoint that `Lineage.report` has not written, or of another space; and as
            `morph`.
    """
    architecture = space.own_parameters(config if key is None else config[key])
    own = tune.get_checkpoint()
    if own is not None:
        weights, fields = _load(own)
        network = space.build(architecture)
        network.load_state_dict(weights)
        return network, Lineage(
            architecture,
            Inheritance(**fields["inheritance"]),
            fields["parent_epochs"],
            fields["epoch"],
        )
    path = config.get(INHERIT_FROM)
    parent = None if path is None else _checkpoint(path)
    if parent is None:
        return space.build(architecture), Lineage(architecture, Inheritance("fresh"))
    weights, fields = _load(parent)
    network, inheritance = morph(
        space, architecture, parent=fields["config"], weights=weights, batch=batch
    )
    epochs = 0 if inheritance.kind == "fresh" else fields["parent_epochs"] + fields["epoch"]
    return network, Lineage(architecture, inheritance, epochs)


def _checkpoint(path: str) -> tune.Checkpoint | None:
    """A checkpoint of this experiment, None where it is gone."""
    storage = tune.get_context().get_storage()
    full = posixpath.join(storage.experiment_fs_path, path)
    if storage.storage_filesystem.get_file_info(full).type.name == "NotFound":
        return None
    return tune.Checkpoint(full, storage.storage_filesystem)


def _load(checkpoint: tune.Checkpoint) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    try:
        with checkpoint.as_directory() as folder:
            return read_checkpoint(folder)
    except ValueError as error:
        raise ValueError(f"{error}; report with `lineage.report(metrics, network)`") from error
