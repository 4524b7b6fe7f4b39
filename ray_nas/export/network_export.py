"""`export`: the trained network of a trial as a file that needs no ray_nas."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from ray_nas.export.card import describe_inputs, file_properties, network_card, write_card
from ray_nas.export.export_error import ExportError
from ray_nas.export.formats import WRITERS, Format, check_onnx, write_network
from ray_nas.export.separate_process import (
    Arrays,
    ExportedFile,
    largest_difference,
    outputs_alone,
    outputs_here,
)
from ray_nas.export.trained_network import Weights, trained_network
from ray_nas.record import load
from ray_nas.record.chosen_trial import BEST, chosen_trial
from ray_nas.retraining.searched_space import check_space
from ray_nas.spaces.model.model_space import ModelSpace
from ray_nas.trials.data import Batch, Data, check_data, ordered_batches
from ray_nas.tune_internals.experiment_folder import ExperimentFolder

TOLERANCE: Final = 1e-4
"""The largest difference of outputs that is accepted, for outputs of at most 1; else times their
largest."""

Inputs = torch.Tensor | tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Exported:
    """A file that was loaded without ray_nas and computed the same as the network.

    Example:
        >>> winner = Path("winner.onnx")
        >>> done = Exported(winner, (winner,), "onnx", "a", "trial", 1e-7, None, {})
        >>> done.largest_difference < TOLERANCE
        True
    """

    path: Path
    """The file."""
    files: tuple[Path, ...]
    """All files that belong to it: its Python module, if any, and the card."""
    format: str
    """"state_dict", "torch_export" or "onnx"."""
    trial: str
    """The trial's id."""
    weights: str
    """Where the weights come from: "trial", "supernet" or "retraining"."""
    largest_difference: float
    """The largest difference between its outputs and the network's."""
    accuracy: float | None
    """The file's accuracy on `data`, equal to the network's; None if no classes were given."""
    card: dict[str, Any]
    """What `FILE.card.json` holds."""


def export(
    experiment: str | Path,
    *,
    space: ModelSpace,
    trial: str = BEST,
    format: Format = "state_dict",
    path: str | Path,
    example_inputs: Inputs,
    weights: Weights = "auto",
    data: Data | None = None,
    calibration: Sequence[Batch] | None = None,
    about: Mapping[str, str] | None = None,
) -> Exported:
    """Writes the trained network of a trial to a file, and checks it without ray_nas.

    The file is loaded in another process, in which ray_nas cannot be imported, and run on the
    example inputs and the data. Only if it computes the same as the network are the files put in
    their place: the file, a card of its origin and limits as JSON and Markdown, and for
    "state_dict" `NAME_model.py`, which rebuilds the network in torch alone.

    Args:
        experiment: The experiment's folder, as a path or a URI.
        space: The space that was searched.
        trial: A trial's id, or "best".
        format: "state_dict", "torch_export" (for `torch.export.load`) or "onnx".
        path: The file to write.
        example_inputs: An input, or a tuple of several; the first dimension is the batch.
        weights: Where the weights come from: the trial's own checkpoint ("trial"), that of the
            supernet ("supernet") or the best of its retrainings ("retraining"). "auto" takes the
            retraining if there is one, else the trial's checkpoint, else the supernet's.
        data: A pair of tensors (inputs, targets) or a DataLoader, on which outputs and, for classes
            as targets, accuracy are compared too.
        calibration: Batches of training data, for the batch norms of a part of a supernet.
        about: Lines for the card, such as `{"data": "digits", "licence": "CC BY 4.0"}`.

    Returns:
        What was written, and the largest difference.

    Raises:
        FileNotFoundError: The experiment has no record.
        ValueError: The record is damaged or of another version, the trial is unknown, or the space
            is not the one that was searched.
        ExportError: There are no weights, a layer cannot be exported, or the file computes
            something else.
        ImportError: The extra `onnx` is not installed.

    Example:
        >>> from ray_nas.spaces import MLPSpace
        >>> inputs = torch.rand(4, 6)
        >>> export("results/none", space=MLPSpace(6, 3), path="winner.pt", example_inputs=inputs)
        Traceback (most recent call last):
        ...
        FileNotFoundError: no ray_nas_record-*.json in results/none: is it the folder of an \
experiment that a ray_nas searcher ran?
    """
    inputs = _checked_inputs(space, format, example_inputs, data)
    record = load(experiment)
    check_space(record, space, experiment)
    chosen = chosen_trial(record, trial, experiment)
    trained = trained_network(ExperimentFolder(experiment), chosen, space, weights, calibration)
    target = Path(path)
    if not target.parent.is_dir():
        raise ValueError(f"path must be in an existing folder, {target.parent} does not exist")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as folder:
        draft = Path(folder) / target.name
        written = write_network(format, trained.network, inputs, draft)
        check = _check(format, trained.network, inputs, data, written)
        check["files"] = {one.name: file_properties(one) for one in written}
        card = network_card(record, chosen, trained, check, about or {})
        written += write_card(card, draft)
        files = tuple(Path(shutil.move(one, target.parent / one.name)) for one in written)
    return Exported(
        path=target,
        files=files,
        format=format,
        trial=chosen.trial_id,
        weights=trained.source,
        largest_difference=check["largest difference"],
        accuracy=check.get("accuracy"),
        card=card,
    )


def _checked_inputs(
    space: Any, format: str, inputs: Any, data: Data | None
) -> tuple[torch.Tensor, ...]:
    """The arguments of a call.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An argument has a wrong value.
        ImportError: The extra `onnx` is not installed.
    """
    if not isinstance(space, ModelSpace):
        raise TypeError(
            "space must be a ModelSpace, which builds networks, such as ModelSpace(Net) or "
            f"NASBench201(), got {type(space).__name__}"
        )
    if format not in WRITERS:
        raise ValueError(f"format must be one of {', '.join(WRITERS)}, got {format!r}")
    if format == "onnx":
        check_onnx()
    if data is not None:
        check_data("data", data)
    found = inputs if isinstance(inputs, tuple) else (inputs,)
    if not all(isinstance(one, torch.Tensor) for one in found) or not found:
        raise TypeError(
            "example_inputs must be a tensor or a tuple of tensors, such as torch.rand(1, 3, 32, "
            f"32), got {type(inputs).__name__}"
        )
    return tuple(one.detach().cpu() for one in found)


def _check(
    format: str,
    network: nn.Module,
    inputs: tuple[torch.Tensor, ...],
    data: Data | None,
    written: list[Path],
) -> dict[str, Any]:
    """Compares the file's outputs with the network's; returns the card's entries."""
    batches = [] if data is None else list(ordered_batches(data, torch.device("cpu")))
    single = tuple(one[:1] for one in inputs)
    calls = [inputs, *(_arguments(batch[0]) for batch in batches)]
    model = written[1] if len(written) > 1 else None
    files = [ExportedFile(format, written[0], part, model) for part in (calls, [single])]
    alone, alone_single = outputs_alone(files)
    if isinstance(alone, str):
        raise ExportError(f"{written[0].name} cannot be loaded and run without ray_nas: {alone}")
    here = outputs_here(network, calls)
    difference = _accepted_difference(here, alone, written[0].name)
    check: dict[str, Any] = {
        "format": format,
        "largest difference": difference,
        "inputs": describe_inputs(inputs),
        "rows": len(inputs[0]) if inputs[0].ndim else 1,
        "batch": _batch(outputs_here(network, [single]), alone_single),
    }
    targets = [batch[1] for batch in batches]
    if targets and _are_classes(here[1][0], targets[0]):
        check |= _accuracies(here[1:], alone[1:], targets)
    return check


def _batch(expected: list[Arrays], found: list[Arrays] | str) -> str:
    """Whether batches of another size work too: "any" or "fixed"."""
    is_same = not isinstance(found, str) and largest_difference(expected, found) <= _bound(expected)
    return "any" if is_same else "fixed"


def _arguments(inputs: Any) -> tuple[torch.Tensor, ...]:
    return inputs if isinstance(inputs, tuple) else (inputs,)


def _accepted_difference(here: list[Arrays], alone: list[Arrays], name: str) -> float:
    difference = largest_difference(here, alone)
    if difference > _bound(here):
        raise ExportError(
            f"{name} computes something else without ray_nas: its outputs differ by "
            f"{difference:.3g}, at most {_bound(here):.3g} is accepted; nothing was written"
        )
    return difference


def _bound(outputs: list[Arrays]) -> float:
    largest = max(
        (float(np.nanmax(np.abs(array), initial=0.0)) for call in outputs for array in call),
        default=0.0,
    )
    return TOLERANCE * max(1.0, largest)


def _are_classes(outputs: np.ndarray[Any, Any], targets: torch.Tensor) -> bool:
    return outputs.ndim == targets.ndim + 1 and not targets.is_floating_point()


def _accuracies(
    here: list[Arrays], alone: list[Arrays], targets: list[torch.Tensor]
) -> dict[str, Any]:
    """The accuracy of the file, which must be the network's.

    Raises:
        ExportError: It differs.
    """
    expected, found = (
        np.concatenate([(call[0].argmax(1) == one.numpy()).ravel() for call, one in pairs]).mean()
        for pairs in (list(zip(calls, targets, strict=True)) for calls in (here, alone))
    )
    if expected != found:
        raise ExportError(
            f"accuracy is {found:.6f} without ray_nas and {expected:.6f} with it; nothing was "
            "written"
        )
    return {"accuracy": float(found), "examples": sum(len(one) for one in targets)}
