"""`ray-nas explain`: why a trial was proposed, what was expected of it, and why it ended."""

from typing import Annotated

import typer

from ray_nas.cli.show_command import EXPERIMENT_HELP
from ray_nas.cli.terminal import fail, print_json, print_line, user_errors
from ray_nas.record import files, load
from ray_nas.report.explanation import explain as explain_trial
from ray_nas.report.explanation import explanation


def explain(
    experiment: Annotated[str, typer.Argument(help=EXPERIMENT_HELP)],
    trial: Annotated[str, typer.Argument(help="The trial's id, or best")] = "best",
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON")] = False,
) -> None:
    """Explain a trial: where it comes from, what was expected, why it ended, what was missing.

    Reads only the searcher's own record (JSON), none of Tune's files.
    """
    with user_errors():
        file = files.find(experiment)[-1]
        record = load(file)
    try:
        if as_json:
            print_json(explanation(record, trial))
            return
        lines = explain_trial(record, trial).splitlines()
    except ValueError as error:
        fail(f"{file}: {error}")
    for line in lines:
        print_line(line)
