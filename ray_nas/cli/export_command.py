"""`ray-nas export`: writes the trained winner to a file that needs no ray_nas."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ray_nas.cli.command_file import load_remembered
from ray_nas.cli.references import load_object
from ray_nas.cli.terminal import fail, print_line


def export(
    experiment: Annotated[str, typer.Argument(help="The experiment's folder (a path or a URI)")],
    example_inputs: Annotated[
        str,
        typer.Option(
            help="MODULE:NAME of a tensor, a tuple of tensors, or a function that returns one"
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write")],
    space: Annotated[
        str | None,
        typer.Option(
            help="MODULE:NAME of the space, or of the nn.Module class with choices "
            "[default: of `ray-nas search`]"
        ),
    ] = None,
    trial: Annotated[str, typer.Option(help="A trial's id, or best")] = "best",
    format: Annotated[
        str | None,
        typer.Option(
            help="state_dict, torch_export or onnx [default: onnx for a file NAME.onnx, "
            "torch_export for NAME.pt2, else state_dict]"
        ),
    ] = None,
    weights: Annotated[str, typer.Option(help="auto, trial, supernet or retraining")] = "auto",
    data: Annotated[
        str | None,
        typer.Option(help="MODULE:NAME of (inputs, targets) or a DataLoader, to compare accuracy"),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(help="MODULE:NAME of training batches, for a part of a supernet"),
    ] = None,
    about: Annotated[
        list[str] | None, typer.Option(help="A line for the card: NAME=TEXT; may be repeated")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON")] = False,
) -> None:
    """Export a trial's trained network, and check the file in a process without ray_nas.

    Beside the file are written a card of its origin and limits and, for state_dict, a Python module
    that rebuilds the network in torch alone.
    """
    space_object = load_remembered(experiment, space, "space", "--space")
    inputs = _called(load_object(example_inputs, "--example-inputs"))
    data_object = None if data is None else _called(load_object(data, "--data"))
    batches = None if calibration is None else _called(load_object(calibration, "--calibration"))
    # Ray and torch take seconds to load: --help does without them
    from ray_nas import export as exporting
    from ray_nas.cli.tune_experiment import as_space

    try:
        done = exporting.export(
            experiment,
            space=as_space(space_object),  # type: ignore[arg-type]  # it checks
            trial=trial,
            format=format or _format_of(output),  # type: ignore[arg-type]  # it checks
            path=output,
            example_inputs=inputs,
            weights=weights,  # type: ignore[arg-type]  # it checks
            data=data_object,
            calibration=batches,
            about=_about(about or []),
        )
    except (ValueError, TypeError, OSError, ImportError) as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps(done.card))
        return
    print_line(f"trial {done.trial}, weights from {done.card['weights']['from']}")
    accuracy = "" if done.accuracy is None else f", accuracy {done.accuracy:.4f} in both"
    print_line(
        f"checked without ray_nas: outputs differ by {done.largest_difference:.2g}{accuracy}"
    )
    for file in done.files:
        print_line(str(file))


def _format_of(path: Path) -> str:
    """The format that a file's ending stands for.

    Example:
        >>> [_format_of(Path(name)) for name in ("winner.onnx", "winner.pt2", "winner.pt")]
        ['onnx', 'torch_export', 'state_dict']
    """
    return {".onnx": "onnx", ".pt2": "torch_export"}.get(path.suffix, "state_dict")


def _called(value: Any) -> Any:
    """What a function returns; another object itself."""
    return value() if callable(value) else value


def _about(lines: list[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        name, separator, text = line.partition("=")
        if not separator or not name.strip():
            fail(f"--about must be NAME=TEXT, got {line!r}")
        found[name.strip()] = text.strip()
    return found
