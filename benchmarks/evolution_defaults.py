"""Evolution's P and S chosen on other tables, beside its defaults and the paper's, on the table
that was left out.

    python benchmarks/evolution_defaults.py python benchmarks/evolution_defaults.py --macro
    nas-bench-macro_cifar10.json --cache /tmp/evolution.jsonl python
    benchmarks/evolution_defaults.py --quick

For each table, the pair of a grid with the best mean rank over the other tables is taken, and once
more over the tables of other families only: tables of one family are the same networks on other
data. The figures are of the table itself: mean regret and its 90 % bootstrap interval over the
seeds, at 100 queries, where P = 100 is still random search, and at 200. Then come the mean ranks
(see `ranks.py`), and those of all pairs. The last line is one JSON object.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from peers import Ours
from query_efficiency import FAMILIES, Outcome, interval, measure, tables
from ranks import mean_ranks
from result_cache import ResultCache

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
    """Prints one budget's table and ranks; their figures."""
    regrets = {
        table: {name: outcome.regrets[:, queries - 1] for name, outcome in results.items()}
        for table, results in outcomes.items()
    }
    titles = ["other tables", "other families", title(DEFAULT), title(PAPER), "RandomSearch"]
    print(
        f"mean regret at {queries} queries and its 90 % interval; the first two columns: P and S chosen on them"
    )
    print(f"{'table':34}" + "".join(f"{name:>44}" for name in titles))
    figures: dict[str, Any] = {}
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
        figures[table] = {name: cell(pick, found[pick]) for name, pick in picks.items()}
        print(
            f"{table:34}" + "".join(f"{shown(name, figures[table][name]):>44}" for name in titles)
        )
    ranks = {"held out": mean_ranks(held_out), "all": mean_ranks(list(regrets.values()))}
    for which, ranked in ranks.items():
        among = "these" if which == "held out" else "all pairs and random search"
        print(
            f"mean rank of a run among {among} at {queries}, over {len(regrets)} tables, and its 90 % interval"
        )
        for name, (rank, low, high) in sorted(ranked.items(), key=lambda item: item[1][0]):
            print(f"  {name:16} {rank:.2f} [{low:.2f}, {high:.2f}]")
    return {"tables": figures, "ranks": ranks}


def cell(pick: str, regrets: np.ndarray) -> dict[str, Any]:
    return {
        "pick": pick,
        "mean": float(regrets.mean()),
        "interval": interval(regrets, lambda drawn: drawn.mean(-1)),
    }


def shown(name: str, figures: Mapping[str, Any]) -> str:
    low, high = figures["interval"]
    pick = "" if figures["pick"] == name else f"{figures['pick']}: "
    return f"{pick}{figures['mean']:.3g} [{low:.3g}, {high:.3g}]"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--macro", type=Path, help="NAS-Bench-Macro as its authors' JSON file, one table more"
    )
    parser.add_argument(
        "--tables", nargs="+", help="as in query_efficiency.py; default: all twelve"
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument(
        "--cache", type=Path, help="file of finished results: what stands in it is not run again"
    )
    parser.add_argument("--quick", action="store_true", help="5 seeds, three tables")
    options = parser.parse_args()
    options.table = None
    if options.tables is None:
        options.tables = [
            f"{name}/{dataset}" for name, (datasets, *_) in FAMILIES.items() for dataset in datasets
        ] + ["conditional"]
    if options.quick:
        options.seeds, options.tables = (
            min(options.seeds, 5),
            ["nasbench201/cifar10", "hpobench/car", "conditional"],
        )
    cache = ResultCache(options.cache)
    makers: dict[str, Any] = {
        title(pair): partial(
            Ours,
            "RegularizedEvolution",
            arguments={"population_size": pair[0], "tournament_size": pair[1]},
        )
        for pair in GRID
    }
    makers["RandomSearch"] = partial(Ours, "RandomSearch")
    outcomes: dict[str, dict[str, Outcome]] = {
        table.name: {
            name: measure(table, name, make, options.seeds, max(BUDGETS), 1, cache)
            for name, make in makers.items()
        }
        for table in tables(options)
    }
    print(f"{options.seeds} seeds")
    print(
        json.dumps(
            {
                "seeds": options.seeds,
                **{str(queries): compare(outcomes, queries) for queries in BUDGETS},
            }
        )
    )


if __name__ == "__main__":
    main()
