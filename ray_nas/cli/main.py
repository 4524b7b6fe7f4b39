"""The entry point `ray-nas`."""

from typing import Final

import typer

from ray_nas.cli.report_command import report
from ray_nas.cli.search_command import search
from ray_nas.cli.show_command import show

app: Final = typer.Typer(
    help="Neural architecture search on Ray Tune.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(search)
app.command()(show)
app.command()(report)


def main() -> None:
    """Runs the command line."""
    app()
