"""`transfer`: a found architecture in a deeper or wider network, which starts from its weights."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ray_nas.export.layer_alignment import align_layers
from ray_nas.export.network_export import Inputs
from ray_nas.export.trained_network import Weights, trained_network
from ray_nas.record import load
from ray_nas.record.chosen_trial import BEST, chosen_trial
from ray_nas.retraining.searched_space import check_space
from ray_nas.sharing.inheritance.morphism import copy_layer, copy_weights
from ray_nas.spaces.model.model_space import ModelSpace
from ray_nas.tune_internals.experiment_folder import ExperimentFolder


@dataclass(frozen=True)
class Transfer:
    """A network of another size with the architecture that was found.

    Example:
        >>> found = Transfer(nn.Linear(4, 1), {"depth": 1}, "a", 0.8, ("weight",), ("bias",))
        >>> f"{found.share:.0%} of the weights are those of trial {found.trial}"
        '80% of the weights are those of trial a'
    """

    network: nn.Module
    """The network, in training mode."""
    config: dict[str, Any]
    """Its config in the new space."""
    trial: str
    """The id of the trial that it comes from."""
    share: float
    """The share of its weights that are the trial's, in [0, 1]."""
    kept: tuple[str, ...]
    """Names of the parameters that are the trial's, whole or in part."""
    fresh: tuple[str, ...]
    """Names of the parameters that are not: they were initialised anew."""


def transfer(
    experiment: str | Path,
    *,
    space: ModelSpace,
    target: ModelSpace,
    example_inputs: Inputs,
    trial: str = BEST,
    weights: Weights = "auto",
    changes: Mapping[str, Any] | None = None,
) -> Transfer:
    """A trial's architecture as a network of another space, with its weights where they fit.

    Layers are matched by name, and the layers of a sequence by place (`align_layers`): the cells of
    a stage correspond to the first cells of that stage in a deeper network, and its further cells
    start as copies of the last. In a wider layer the old weights are the first channels and the
    middle of the kernel. Train the network before use.

    Args:
        experiment: The experiment's folder.
        space: The space that was searched.
        target: A space with the same choices and other sizes, such as
            `NASBench201(channels=16, cells_per_stage=5)` after a search in
            `NASBench201(channels=4, cells_per_stage=1)`.
        example_inputs: Inputs of both networks, preferably training data.
        trial: A trial's id, or "best".
        weights: As for `export`.
        changes: Values of choices that the larger network should have instead, or that only
            `target` has; other new choices take their first values.

    Raises:
        ValueError: The experiment cannot be read, or the architecture is not in `target`.
        ExportError: There are no weights.

    Example:
        >>> from ray_nas.spaces import MLPSpace
        >>> space = MLPSpace(6, 3)
        >>> transfer("results/none", space=space, target=space, example_inputs=torch.rand(4, 6))
        Traceback (most recent call last):
        ...
        FileNotFoundError: no ray_nas_record-*.json in results/none: is it the folder of an \
experiment that a ray_nas searcher ran?
    """
    record = load(experiment)
    check_space(record, space, experiment)
    chosen = chosen_trial(record, trial, experiment)
    inputs = example_inputs if isinstance(example_inputs, tuple) else (example_inputs,)
    calibration = [(inputs, torch.zeros(len(inputs[0])))]
    folder = ExperimentFolder(experiment)
    trained = trained_network(folder, chosen, space, weights, calibration)
    config = _translated(target, {**trained.config, **(changes or {})})
    network = target.build(config)
    copied, share = _copy(trained.network, network, example_inputs)
    names = [name for name, _ in network.named_parameters()]
    return Transfer(
        network=network.train(),
        config=config,
        trial=chosen.trial_id,
        share=share,
        kept=tuple(name for name in names if name in copied),
        fresh=tuple(name for name in names if name not in copied),
    )


def _copy(old: nn.Module, new: nn.Module, inputs: Inputs) -> tuple[set[str], float]:
    """Copies the weights that fit.

    Where all layers have kept their names and inputs their shape, new layers are initialised so
    that the function changes as little as possible.

    Returns:
        The names of the parameters that got weights, and the share of all weights.
    """
    pairs = align_layers(old, new)
    copied: dict[torch.Tensor, int] = {}
    with torch.no_grad():
        for before, after in pairs:
            copied |= copy_layer(old.get_submodule(before), new.get_submodule(after))
        if all(before == after for before, after in pairs) and _takes(old, inputs):
            copy_weights(old, new, inputs)
    names = {name for name, tensor in new.named_parameters() if tensor in copied}
    total = sum(tensor.numel() for tensor in new.parameters())
    return names, sum(copied.values()) / total


def _takes(network: nn.Module, inputs: Inputs) -> bool:
    """Whether a network can run on these inputs, which may have other channels or columns."""
    try:
        copy.deepcopy(network).eval()(*(inputs if isinstance(inputs, tuple) else (inputs,)))
    except (RuntimeError, ValueError, IndexError):
        return False
    return True


def _translated(target: ModelSpace, config: Mapping[str, Any]) -> dict[str, Any]:
    found = target.translate(config)
    if found is None:
        own = target.own_parameters(config)
        unknown = sorted(set(config) - set(own))
        raise ValueError(
            f"target has no network of the architecture {dict(config)}"
            + (f": it lacks {', '.join(unknown)}" if unknown else "")
            + "; it must have the same choices, with the found values among them"
        )
    return found
