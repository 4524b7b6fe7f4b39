"""Output to the terminal. It may contain untrusted text: no markup, no control characters."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import typer
from rich.console import Console

from ray_nas.record.events import without_special_floats

console: Final = Console(markup=False, emoji=False, highlight=False)
errors: Final = Console(stderr=True, markup=False, emoji=False, highlight=False)


def print_line(line: str) -> None:
    """Prints a line without wrapping it."""
    console.print(visible(line), soft_wrap=True)


def visible(text: str) -> str:
    """The text with control characters escaped: a terminal would obey some of them."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def fail(message: str) -> NoReturn:
    """Ends with exit code 2, as for any wrong usage, and without a traceback."""
    for line in f"Error: {message}".splitlines():
        errors.print(visible(line), style="red", soft_wrap=True)
    raise typer.Exit(2)


@contextmanager
def user_errors() -> Iterator[None]:
    """Ends the command with the message of an error that names what the user can change."""
    try:
        yield
    except (ValueError, TypeError, OSError, ImportError, NotImplementedError) as error:
        fail(str(error))


def print_json(value: Any) -> None:
    """Prints a value as JSON; NaN and infinities as text."""
    typer.echo(json.dumps(without_special_floats(value)))
