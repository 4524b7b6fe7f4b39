"""`ray-nas resume`: continues an experiment that was stopped or killed."""

import sys
from typing import Annotated

import typer

from ray_nas.cli.command_file import read_command
from ray_nas.cli.references import load_object, parse_resources
from ray_nas.cli.show_command import print_outcome
from ray_nas.cli.terminal import fail, user_errors


def resume(
    experiment: Annotated[str, typer.Argument(help="The experiment's folder (a path or a URI)")],
    trainable: Annotated[
        str | None,
        typer.Option(help="MODULE:NAME of the trainable [default: that of `ray-nas search`]"),
    ] = None,
    resources: Annotated[
        str | None,
        typer.Option(help="Resources of a trial [default: those of `ray-nas search`, or cpu=1]"),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run failed trials again")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the ranked trials as JSON at the end")
    ] = False,
) -> None:
    """Continue an experiment: every finished trial counts once, running ones start again.

    Tune reads its own files, which are pickles: resume only an experiment that you trust.
    """
    with user_errors():
        command = read_command(experiment)
    if command is not None:
        sys.path.insert(0, command.folder)
        trainable = trainable or command.trainable
        resources = resources or command.resources
    if trainable is None:
        fail(
            f"{experiment} was not started by `ray-nas search`: name its trainable with "
            "--trainable MODULE:NAME"
        )
    trainable_object = load_object(trainable, "--trainable")
    from ray_nas.cli.tune_experiment import resume_search

    with user_errors():
        place = resume_search(
            experiment,
            trainable_object,
            parse_resources(resources or "cpu=1"),
            retry_failed=retry_failed,
        )
    print_outcome(place, as_json=as_json)
