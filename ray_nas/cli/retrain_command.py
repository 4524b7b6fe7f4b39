"""`ray-nas retrain`: trains a winner and the baseline again, with several seeds."""

import json
import statistics
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ray_nas.cli.command_file import load_remembered
from ray_nas.cli.references import parse_resources
from ray_nas.cli.terminal import console, fail, print_line, visible
from ray_nas.record.events import without_special_floats

if TYPE_CHECKING:
    from ray_nas.retraining import Retraining


def retrain(
    experiment: Annotated[str, typer.Argument(help="The experiment's local folder")],
    trainable: Annotated[
        str | None,
        typer.Argument(help="MODULE:NAME of the Tune trainable [default: of `ray-nas search`]"),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            help="MODULE:NAME of the space, or of the nn.Module class with choices "
            "[default: of `ray-nas search`]"
        ),
    ] = None,
    trial: Annotated[str, typer.Option(help="A trial's id, or best")] = "best",
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each network")] = 3,
    seed_key: Annotated[str, typer.Option(help="The config's key for the seed")] = "seed",
    config: Annotated[
        str | None,
        typer.Option(help='JSON that replaces entries of the config, e.g. {"epochs": 200}'),
    ] = None,
    resources: Annotated[str, typer.Option(help="Resources of a trial, e.g. cpu=1,gpu=0.5")] = (
        "cpu=1"
    ),
    stop: Annotated[
        str | None, typer.Option(help="End a class at METRIC=VALUE, e.g. training_iteration=50")
    ] = None,
    max_concurrent: Annotated[
        int | None, typer.Option(min=1, help="Most trials at a time [default: as many as fit]")
    ] = None,
    verbose: Annotated[int, typer.Option(min=0, max=2, help="Tune's own output")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON")] = False,
) -> None:
    """Train a trial's network and the baseline on the full budget, with several seeds.

    The trainable finds its seed in config["seed"]. Called again, finished trainings are kept.
    """
    space_object = load_remembered(experiment, space, "space", "--space")
    trainable_object = load_remembered(experiment, trainable, "trainable", "TRAINABLE")
    # Ray and torch take seconds to load: --help does without them
    from ray_nas import retraining
    from ray_nas.cli.tune_experiment import as_space

    try:
        done = retraining.retrain(
            experiment,
            trainable_object,
            space=as_space(space_object),
            trial=trial,
            seeds=seeds,
            seed_key=seed_key,
            config=None if config is None else _json_object(config),
            resources=parse_resources(resources, "--resources"),
            stop=None if stop is None else parse_resources(stop, "--stop"),
            max_concurrent=max_concurrent,
            verbose=verbose,
        )
    except (ValueError, TypeError, OSError) as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps(without_special_floats(asdict(done))))
    else:
        print_retraining(done)


def print_retraining(retraining: "Retraining") -> None:
    """Prints mean and standard deviation of each network's metrics, and what failed."""
    metrics = [retraining.metric, *filter(None, [retraining.test_metric])]
    table = Table("trial", "seeds", *map(visible, metrics))
    for name in dict.fromkeys(one.trial for one in retraining.trials):
        cells = [_spread(retraining.values(name, metric)) for metric in metrics]
        table.add_row(visible(name), str(len(retraining.values(name, metrics[0]))), *cells)
    console.print(table)
    for one in retraining.trials:
        if one.reason:
            print_line(f"{one.trial} with seed {one.seed} failed: {one.reason}")


def _spread(values: list[float]) -> str:
    if not values:
        return "-"
    deviation = f" ± {statistics.stdev(values):.4g}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.6g}{deviation}"


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        fail(f"--config must be JSON, got {text!r}: {error}")
    if not isinstance(found, dict):
        fail(f"--config must be a JSON object, got {text!r}")
    return found
