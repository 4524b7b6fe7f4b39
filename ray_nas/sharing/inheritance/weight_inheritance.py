"""Passes weights from a trial to its children, as Tune checkpoints.

Jin, Song & Hu, 2019, https://arxiv.org/abs/1806.10282; Cai et al., 2018,
https://arxiv.org/abs/1707.04873. A checkpoint has a network's weights, its config and the number of
epochs its lineage was trained. So a child only needs the path of its parent's checkpoint, which
`RegularizedEvolution(..., inherit_weights=True)` adds to its config.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from ray import tune
from torch import nn

from ray_nas.searchers.core.parent_checkpoints import INHERIT_FROM, INHERITANCE, TRIAL_FOLDER
from ray_nas.sharing.inheritance.morphism import Inheritance, Inputs, morph
from ray_nas.spaces import ModelSpace
from ray_nas.trials.checkpoint import read_checkpoint, temporary_checkpoint
from ray_nas.tune_internals.trial_storage import experiment_checkpoint, trial_folder


@dataclass
class Lineage:
    """A trial's ancestry: where its weights come from, and how long they were trained.

    `inherit_weights` makes it.

    Example:
        >>> lineage = Lineage({"depth": 1}, Inheritance("fresh"))
        >>> lineage.epoch
        0
    """

    config: Mapping[str, Any]
    """The architecture."""
    inheritance: Inheritance
    """What the network inherited from its parent."""
    parent_epochs: int = 0
    """Epochs that its ancestors were trained, up to the parent's checkpoint."""
    epoch: int = 0
    """Epochs reported in this trial; after a restore, those up to the trial's checkpoint."""

    def report(self, metrics: Mapping[str, Any], network: nn.Module) -> None:
        """Reports an epoch to Tune, with a checkpoint of the network.

        Args:
            metrics: The epoch's metrics. `epoch`, `lineage_epochs` (with all ancestors),
                `inheritance` ("preserved", "partial" or "fresh"), `inherited_share` and the name of
                the trial's folder are added.
            network: The network after this epoch.
        """
        self.epoch += 1
        added = {
            "epoch": self.epoch,
            "lineage_epochs": self.parent_epochs + self.epoch,
            "inherited_share": self.inheritance.share,
            INHERITANCE: self.inheritance.kind,
            TRIAL_FOLDER: trial_folder(),
        }
        with temporary_checkpoint(network.state_dict(), asdict(self)) as checkpoint:
            tune.report({**added, **metrics}, checkpoint=checkpoint)


def inherit_weights(
    space: ModelSpace,
    config: Mapping[str, Any],
    *,
    key: str | None = None,
    batch: Inputs | None = None,
) -> tuple[nn.Module, Lineage]:
    """Builds the network of a trial's config, with its parent's weights if it has a parent.

    For use in a Tune trainable. A restored trial continues with its own weights. If Tune deleted
    the parent's checkpoint (see `CheckpointConfig`), the weights are fresh.

    Args:
        space: The space that builds the networks.
        config: The trial's config.
        key: The config's key for the architecture, e.g. "arch" for `param_space={"arch": space}`;
            None if its parameters are at the top level.
        batch: Inputs on which new layers are initialised, preferably training data; see `morph`.

    Returns:
        The network in training mode, and its lineage. Call the lineage's `report` once per epoch.

    Raises:
        ValueError: `Lineage.report` did not write the checkpoint, it is of another space, or
            `morph` needs a batch.

    Example:
        >>> from ray_nas.spaces import MLPSpace
        >>> space = MLPSpace(4, 1, max_layers=2)
        >>> def train(config):
        ...     network, lineage = inherit_weights(space, config, batch=torch.rand(32, 4))
        ...     while lineage.epoch < 3:
        ...         loss = network(torch.rand(32, 4)).square().mean().item()
        ...         lineage.report({"loss": loss}, network)
    """
    architecture = space.own_parameters(config if key is None else config[key])
    own = tune.get_checkpoint()
    if own is not None:
        return _restore(space, architecture, own)
    path = config.get(INHERIT_FROM)
    parent = None if path is None else experiment_checkpoint(path)
    if parent is None:
        return space.build(architecture), Lineage(architecture, Inheritance("fresh"))
    weights, fields = _read(parent)
    network, inheritance = morph(
        space, architecture, parent=fields["config"], weights=weights, batch=batch
    )
    is_fresh = inheritance.kind == "fresh"
    epochs = 0 if is_fresh else fields["parent_epochs"] + fields["epoch"]
    return network, Lineage(architecture, inheritance, epochs)


def _restore(
    space: ModelSpace, architecture: Mapping[str, Any], checkpoint: tune.Checkpoint
) -> tuple[nn.Module, Lineage]:
    weights, fields = _read(checkpoint)
    network = space.build(architecture)
    network.load_state_dict(weights)
    inheritance = Inheritance(**fields["inheritance"])
    return network, Lineage(architecture, inheritance, fields["parent_epochs"], fields["epoch"])


def _read(checkpoint: tune.Checkpoint) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    try:
        return read_checkpoint(checkpoint)
    except ValueError as error:
        raise ValueError(f"{error}; report with `lineage.report(metrics, network)`") from error
