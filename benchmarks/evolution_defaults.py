r"""Tests evolution's population and tournament sizes chosen on other tables.

    python benchmarks/evolution_defaults.py
    python benchmarks/evolution_defaults.py --macro nas-bench-macro_cifar10.json \
        --cache /tmp/evolution.jsonl
    python benchmarks/evolution_defaults.py --quick

For each table, "other tables" is the pair (population size P, tournament size S) of a grid with the
best mean rank over the other tables, and "other families" the best pair over tables of other
families only, since tables of one family hold the same networks on other data. Both stand beside
the package's defaults, the paper's pair and random search on the table that was held out: mean
regret and its 90 % bootstrap interval over seeds, after 100 queries, when P = 100 is still random
search, and after 200. Then come the mean ranks (see `ranks.py`) of these, and of all pairs. The
last line is one JSON object.
"""

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from command_line import add_cache, check_names, make_parser, parse, print_result
from intervals import bootstrap_interval, format_interval
from peers import Ours
from query_efficiency import Outcome, make_tables, measure
from ranks import mean_ranks
from result_cache import ResultCache
from tables import table_names

GRID = (
    (10, 2),
    (10, 5),
    (10, 10),
    (20, 5),
    (20, 10),
    (20, 20),
    (50, 10),
    (50, 25),
    (50, 50),
    (100, 25),
    (100, 100),
)
DEFAULT, PAPER = (20, 20), (100, 25)
BUDGETS = (100, 200)


def title(pair: tuple[int, int]) -> str:
    return f"P={pair[0]} S={pair[1]}"


def chosen(regrets: Mapping[str, Mapping[str, np.ndarray]], others: Sequence[str]) -> str:
    """The pair with the best mean rank over these tables."""
    ranked = mean_ranks(
        [{name: regrets[table][name] for name in map(title, GRID)} for table in others], resamples=1
    )
    return min(ranked, key=lambda name: ranked[name][0])


def family(table: str) -> str:
    return table.partition("/")[0]


def compare(outcomes: Mapping[str, Mapping[str, Outcome]], queries: int) -> dict[str, Any]:
    """Prints and returns one budget's regrets and ranks."""
    regrets = {
        table: {name: outcome.regrets[:, queries - 1] for name, outcome in results.items()}
        for table, results in outcomes.items()
    }
    titles = ["other tables", "other families", title(DEFAULT), title(PAPER), "RandomSearch"]
    print(
        f"mean regret at {queries} queries and its 90 % interval; "
        "in the first two columns P and S were chosen on those tables"
    )
    print(f"{'table':34}" + "".join(f"{name:>44}" for name in titles))
    cells: dict[str, Any] = {}
    held_out: list[dict[str, np.ndarray]] = []
    for table, found in regrets.items():
        picks = {
            "other tables": chosen(regrets, [other for other in regrets if other != table]),
            "other families": chosen(
                regrets, [other for other in regrets if family(other) != family(table)]
            ),
            **{name: name for name in titles[2:]},
        }
        held_out.append({name: found[pick] for name, pick in picks.items()})
        cells[table] = {name: cell(pick, found[pick]) for name, pick in picks.items()}
        print(f"{table:34}" + "".join(f"{shown(name, cells[table][name]):>44}" for name in titles))
    ranks = {"held out": mean_ranks(held_out), "all": mean_ranks(list(regrets.values()))}
    for which, ranked in ranks.items():
        among = "these" if which == "held out" else "all pairs and random search"
        print(
            f"mean rank of a run among {among} at {queries}, "
            f"over {len(regrets)} tables, and its 90 % interval"
        )
        for name, rank in sorted(ranked.items(), key=lambda item: item[1][0]):
            print(f"  {name:16} {format_interval(*rank, '.2f')}")
    return {"tables": cells, "ranks": ranks}


def cell(pick: str, regrets: np.ndarray) -> dict[str, Any]:
    return {
        "pick": pick,
        "mean": float(regrets.mean()),
        "interval": bootstrap_interval(regrets),
    }


def shown(name: str, cell: Mapping[str, Any]) -> str:
    pick = "" if cell["pick"] == name else f"{cell['pick']}: "
    return pick + format_interval(cell["mean"], *cell["interval"])


def parse_options() -> argparse.Namespace:
    parser = make_parser(__doc__, quick="5 seeds, three tables")
    parser.add_argument(
        "--macro", type=Path, help="NAS-Bench-Macro as its authors' JSON file, an additional table"
    )
    parser.add_argument(
        "--tables", nargs="+", help="names as in query_efficiency.py; default: all twelve"
    )
    parser.add_argument("--seeds", type=int, default=20, help="searches per pair and table")
    add_cache(parser)
    options = parse(parser, seeds=5)
    options.table = None
    options.tables = options.tables or table_names()
    if options.quick:
        options.tables = ["nasbench201/cifar10", "hpobench/car", "conditional"]
    check_names(parser, "--tables", options.tables, table_names())
    return options


def main() -> None:
    options = parse_options()
    cache = ResultCache(options.cache)
    makers: dict[str, Any] = {
        title((population, tournament)): partial(
            Ours,
            "RegularizedEvolution",
            arguments={"population_size": population, "tournament_size": tournament},
        )
        for population, tournament in GRID
    }
    makers["RandomSearch"] = partial(Ours, "RandomSearch")
    outcomes: dict[str, dict[str, Outcome]] = {
        table.name: {
            name: measure(table, name, make, options.seeds, max(BUDGETS), 1, cache)
            for name, make in makers.items()
        }
        for table in make_tables(options)
    }
    print(f"{options.seeds} seeds")
    by_budget = {str(queries): compare(outcomes, queries) for queries in BUDGETS}
    print_result({"seeds": options.seeds, **by_budget})


if __name__ == "__main__":
    main()
