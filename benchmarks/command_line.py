"""Options and output shared by the benchmark scripts."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def make_parser(doc: str | None, quick: str | None = None) -> argparse.ArgumentParser:
    """A parser that prints the script's docstring as its help.

    Args:
        doc: The script's `__doc__`, printed without reflowing.
        quick: What the smaller run with --quick does; None for a script without that option.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if quick is not None:
        parser.add_argument("--quick", action="store_true", help=quick)
    return parser


def add_table(parser: argparse.ArgumentParser, columns: str = "arch_str and val_acc_200ep") -> None:
    """Adds --table, a CSV file with the architectures of NAS-Bench-201."""
    parser.add_argument(
        "--table", type=Path, help=f"NAS-Bench-201 as a CSV file with the columns {columns}"
    )


def add_cache(parser: argparse.ArgumentParser) -> None:
    """Adds --cache, the file of a `ResultCache`."""
    parser.add_argument("--cache", type=Path, help="file of finished runs, which are not run again")


def add_searchers(
    parser: argparse.ArgumentParser, default: Iterable[str], known: Iterable[str]
) -> None:
    """Adds --searchers, some of the known ones, and --arguments of their constructors as JSON."""
    parser.add_argument("--searchers", nargs="+", choices=list(known), default=list(default))
    parser.add_argument(
        "--arguments",
        type=json.loads,
        default={},
        help='constructor arguments of the searchers as JSON, e.g. {"population_size": 50}',
    )


def check_names(
    parser: argparse.ArgumentParser, option: str, names: Iterable[str], known: Iterable[str]
) -> None:
    """Exits with a usage error unless every name is known."""
    known = list(known)
    for name in names:
        if name not in known:
            parser.error(f"{option}: {name} is not in {', '.join(known)}")


def parse(parser: argparse.ArgumentParser, **quick: int) -> argparse.Namespace:
    """Parses the command line; --quick lowers numeric options to at most these values."""
    options = parser.parse_args()
    if options.quick:
        for name, limit in quick.items():
            setattr(options, name, min(getattr(options, name), limit))
    return options


def print_result(result: Any) -> None:
    """Prints the result as one JSON object: the last line of every benchmark."""
    print(json.dumps(result), flush=True)
