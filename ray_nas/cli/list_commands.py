"""`ray-nas spaces` and `ray-nas searchers`: what is ready-made, with one line each."""

import inspect
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.table import Table

from ray_nas.cli.terminal import console, print_json, visible

_JSON = typer.Option("--json", help="Print them as JSON, with their arguments")


def spaces(as_json: Annotated[bool, _JSON] = False) -> None:
    """List the ready-made search spaces.

    `ModelSpace` makes a space of any nn.Module with choices in it; a raw ConfigurationSpace is one
    too.
    """
    from ray_nas import spaces as package

    classes = [getattr(package, name) for name in package.__all__]
    ready = (one for one in classes if _is_kind(one, package.SearchSpace))
    _print(ready, as_json)


def searchers(as_json: Annotated[bool, _JSON] = False) -> None:
    """List the searchers, for `ray-nas search --searcher`."""
    from ray_nas.searchers import OneShot
    from ray_nas.searchers.registry import SEARCHERS

    _print([*SEARCHERS.values(), OneShot], as_json)


def _is_kind(candidate: Any, base: type) -> bool:
    is_subclass = inspect.isclass(candidate) and issubclass(candidate, base)
    return is_subclass and candidate.__name__ not in (base.__name__, "JointSpace")


def _print(classes: Iterable[type], as_json: bool) -> None:
    rows = [
        {
            "name": one.__name__,
            "summary": _summary(one),
            "arguments": str(inspect.signature(one)),
        }
        for one in sorted(classes, key=lambda one: one.__name__)
    ]
    if as_json:
        print_json(rows)
        return
    table = Table("name", "summary", box=None, show_header=False)
    for row in rows:
        table.add_row(visible(row["name"]), visible(row["summary"]))
    console.print(table)


def _summary(cls: type) -> str:
    """The first line of its docstring."""
    return (inspect.getdoc(cls) or "").partition("\n")[0]
