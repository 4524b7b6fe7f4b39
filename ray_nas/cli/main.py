"""The entry point `ray-nas`: one module for each command."""

from collections.abc import Callable
from typing import Final

import typer

from ray_nas.cli.explain_command import explain
from ray_nas.cli.export_command import export
from ray_nas.cli.list_commands import searchers, spaces
from ray_nas.cli.replay_command import replay
from ray_nas.cli.report_command import report
from ray_nas.cli.resume_command import resume
from ray_nas.cli.retrain_command import retrain
from ray_nas.cli.search_command import search
from ray_nas.cli.show_command import show
from ray_nas.cli.simulate_command import simulate

app: Final = typer.Typer(
    help="Neural architecture search on Ray Tune.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

_PANELS: Final[dict[str, tuple[Callable[..., None], ...]]] = {
    "Search": (search, resume, simulate),
    "Results": (show, report, explain, replay, retrain, export),
    "Ready-made": (spaces, searchers),
}

for _panel, _commands in _PANELS.items():
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)


def main() -> None:
    """Runs the command line."""
    app()
