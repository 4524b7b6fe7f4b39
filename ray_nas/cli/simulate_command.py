"""`ray-nas simulate`: a search on a table or an objective, on a virtual clock."""

from typing import Annotated

import typer

from ray_nas.cli.completion import complete_searcher
from ray_nas.cli.references import load_object, parse_asha, parse_resources
from ray_nas.cli.terminal import fail, print_json, print_line, user_errors

_OBJECTIVE_HELP = (
    "A CSV file with one row for each report of a training; nasbench201:DATASET (cifar10, cifar100 "
    "or imagenet); or MODULE:NAME of a function that takes a config and yields (seconds, metrics)"
)
_TABLE = "Columns of a CSV file"
_CLUSTER = "Virtual cluster"
_NODE_HELP = (
    "Resources of a node, e.g. CPU=8,GPU=4; repeat it for each node, in place of --num-workers"
)


def simulate(
    objective: Annotated[str, typer.Argument(help=_OBJECTIVE_HELP)],
    metric: Annotated[str, typer.Option(help="The metric to optimise")],
    mode: Annotated[str, typer.Option(help="min or max")] = "max",
    space: Annotated[
        str | None,
        typer.Option(help="MODULE:NAME of the space; needed where the objective is a function"),
    ] = None,
    searcher: Annotated[
        str,
        typer.Option(
            help="One of those that `ray-nas searchers` lists", autocompletion=complete_searcher
        ),
    ] = "RegularizedEvolution",
    max_trials: Annotated[int, typer.Option(min=1, help="Number of trials")] = 100,
    max_seconds: Annotated[
        float | None, typer.Option(help="Virtual seconds after which the search ends")
    ] = None,
    num_workers: Annotated[int, typer.Option(min=1, help="Trials that run at a time")] = 1,
    asha: Annotated[
        str | None, typer.Option(help="Stop early by ASHA: TIME_ATTR=MAX_T, e.g. epoch=27")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of searcher and objective")] = None,
    output: Annotated[
        str | None,
        typer.Option(help="Folder for the record, for `ray-nas show`, `explain` and `replay`"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON")] = False,
    parameters: Annotated[
        str | None,
        typer.Option(help="Columns that hold a config, joined by commas", rich_help_panel=_TABLE),
    ] = None,
    fidelity: Annotated[
        str | None,
        typer.Option(help="Column that counts a training's reports", rich_help_panel=_TABLE),
    ] = None,
    seconds: Annotated[
        str | None,
        typer.Option(help="Column with the seconds since the last report", rich_help_panel=_TABLE),
    ] = None,
    node: Annotated[
        list[str] | None, typer.Option(help=_NODE_HELP, rich_help_panel=_CLUSTER)
    ] = None,
    resources: Annotated[
        str, typer.Option(help="Resources of a trial on these nodes", rich_help_panel=_CLUSTER)
    ] = "CPU=1",
    mean_uptime: Annotated[
        float | None,
        typer.Option(help="Mean seconds until a node fails", rich_help_panel=_CLUSTER),
    ] = None,
) -> None:
    """Simulate a search on a virtual clock: what would it find, and how long would it take?

    Nothing is trained: a table or a function tells what each training would report.
    """
    # Ray and torch take seconds to load: --help does without them
    from ray_nas.cli import simulation

    is_table = objective.endswith(".csv")
    if is_table and parameters is None:
        fail("--parameters is missing: the columns of the file that hold a config")
    with user_errors():
        if is_table:
            columns = simulation.Columns(str(parameters).split(","), metric, fidelity, seconds)
            task = simulation.table_task(objective, columns)
        elif objective.startswith(simulation.NASBENCH201):
            task = simulation.nasbench201_task(objective)
        else:
            task = simulation.Task(load_object(objective, "OBJECTIVE"), None)
        own = task.space if space is None else load_object(space, "--space")
        if own is None:
            fail("--space is missing: MODULE:NAME of the space that OBJECTIVE takes configs of")
        settings = simulation.Settings(
            searcher=searcher,
            metric=metric,
            mode=mode,
            max_trials=max_trials,
            max_seconds=max_seconds,
            num_workers=num_workers,
            nodes=[parse_resources(one, "--node") for one in node or ()],
            resources=parse_resources(resources),
            mean_uptime=mean_uptime,
            asha=parse_asha(asha),
            seed=seed,
            output=output,
        )
        outcome = simulation.run(task.objective, own, settings)
    if as_json:
        print_json(outcome.as_json())
    else:
        for line in outcome.lines():
            print_line(line)
