"""`ray-nas report`: writes an experiment's page, or serves it while the search runs."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ray_nas.cli.references import load_object
from ray_nas.cli.terminal import fail, print_line
from ray_nas.record import files

_REFRESH_SECONDS = 3.0


def report(
    experiment: Annotated[
        str, typer.Argument(help="The experiment's folder (a path or a URI), or its record")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write")] = Path(
        "report.html"
    ),
    space: Annotated[
        str | None, typer.Option(help="MODULE:NAME of the space, to draw networks")
    ] = None,
    random_search: Annotated[
        str | None,
        typer.Option(help="The folder of a random search on the same space, to compare with"),
    ] = None,
    detail: Annotated[
        list[str] | None,
        typer.Option(help="NAME=TEXT for section 10, e.g. data=CIFAR-10; may be repeated"),
    ] = None,
    time_attr: Annotated[
        str, typer.Option(help="The metric that counts a trial's budget")
    ] = "training_iteration",
    watch: Annotated[
        bool, typer.Option("--watch", help="Serve the page on this machine until Ctrl-C")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the file's path and size as JSON")
    ] = False,
    port: Annotated[int, typer.Option(min=0, help="With --watch: the port; 0 for a free one")] = 0,
) -> None:
    """Write an experiment's report: one HTML file, without a server or a network.

    With --watch, nothing is written: the page is served, and renews itself while the search runs.
    """
    details = _details(detail or [])
    options: dict[str, Any] = {
        "random_search": random_search,
        "details": details,
        "time_attr": time_attr,
    }
    if space is not None:
        sys.path.insert(0, os.getcwd())
        from ray_nas.cli.tune_experiment import as_space

        try:
            options["space"] = as_space(load_object(space, "--space"))
        except ValueError as error:
            fail(f"--space: {error}")
        details.setdefault("space", space)
    if watch:
        _watch(experiment, options, port)
        return
    from ray_nas.report import write_report

    try:
        path = write_report(experiment, output, **options)
    except (OSError, ValueError) as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps({"path": str(path), "bytes": path.stat().st_size}))
        return
    print_line(f"wrote {path}, {path.stat().st_size / 1e6:.2f} MB")


def _details(pairs: list[str]) -> dict[str, str]:
    details = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or not name:
            fail(f"--detail must be NAME=TEXT, got {pair!r}")
        details[name] = text
    return details


def _watch(experiment: str, options: dict[str, Any], port: int) -> None:
    """Serves the page until Ctrl-C."""
    from ray_nas.report.experiment_data import load_experiment
    from ray_nas.report.live_page import LivePage, make_server
    from ray_nas.report.report_page import render

    if files.is_uri(experiment):
        fail(f"--watch needs a folder on this machine, got {experiment}")
    if not Path(experiment).exists():
        fail(f"--watch: there is no folder {experiment}")

    def make() -> str:
        data = load_experiment(experiment, **options)
        return render(data, refresh_seconds=_REFRESH_SECONDS)

    try:
        server = make_server(LivePage(make, experiment), port)
    except OSError as error:
        fail(f"--port {port}: {error}")
    host, number = server.server_address[:2]
    print_line(f"serving http://{host!s}:{number}/ until Ctrl-C")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print_line("stopped")
    finally:
        server.server_close()
