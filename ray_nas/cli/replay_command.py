"""`ray-nas replay`: makes every decision of an experiment again, and names the first difference."""

from dataclasses import asdict
from typing import Annotated, Final

import typer

from ray_nas.cli.references import load_object
from ray_nas.cli.show_command import EXPERIMENT_HELP
from ray_nas.cli.terminal import print_json, print_line, user_errors

_FIELDS: Final = (
    "record",
    "searcher",
    "scheduler",
    "proposals",
    "reports",
    "stops",
    "ends",
    "unchecked",
)


def replay(
    experiment: Annotated[str, typer.Argument(help=EXPERIMENT_HELP)],
    space: Annotated[
        str | None, typer.Option(help="MODULE:NAME of the space that was searched")
    ] = None,
    param_space: Annotated[
        str | None,
        typer.Option(help="MODULE:NAME of Tune's param_space, if something in it was searched"),
    ] = None,
    searcher: Annotated[
        str | None,
        typer.Option(
            help="MODULE:NAME of a function that makes the searcher, if it had arguments that a "
            "record cannot hold"
        ),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="MODULE:NAME of a function that makes the scheduler")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON")] = False,
) -> None:
    """Replay an experiment from its record: does the search still decide as it did?

    Every proposal, every stop and every end of a trial is made again and compared. Exits with 1 if
    one differs. Reads only the searcher's own record, none of Tune's files.
    """
    # Ray and torch take seconds to load: --help does without them
    from ray_nas.cli.tune_experiment import as_space
    from ray_nas.simulation import replay as replay_record

    with user_errors():
        found = replay_record(
            experiment,
            space=None if space is None else as_space(load_object(space, "--space")),
            param_space=None if param_space is None else load_object(param_space, "--param-space"),
            searcher=None if searcher is None else load_object(searcher, "--searcher")(),
            scheduler=None if scheduler is None else load_object(scheduler, "--scheduler")(),
        )
    if as_json:
        fields = {name: getattr(found, name) for name in _FIELDS}
        difference = None if found.difference is None else asdict(found.difference)
        print_json({**fields, "decisions": found.decisions, "difference": difference})
    else:
        for line in found.summary().splitlines():
            print_line(line)
    if found.difference is not None:
        raise typer.Exit(1)
