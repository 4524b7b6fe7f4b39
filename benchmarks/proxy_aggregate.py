"""How well `proxies.Aggregate` and `proxies.Fitted` rank architectures, beside their size.

    python benchmarks/proxy_aggregate.py --table nasbench201.csv.gz --proxies zero_cost.csv.gz

1. Spearman with test accuracy of the aggregate, of parameters and of FLOPs, on the four small
   tables that `proxy_tables.py` trained (batch: the first 64 training examples) and on random cells
   of all 15,625 of NAS-Bench-201 on CIFAR-10 (official network, batch of 64 normal images, seed 0).
   `margin` is the aggregate's minus the better of parameters and FLOPs. Beside them naswot and
   parameters with equal weights, and further aggregates with --names.
2. Milliseconds of one core to build and measure the official network, median over the cells.
3. Kendall of `Fitted` and of its prior alone on the cells in --proxies, after 32, 64 and 128 cells
   drawn at random were trained: from the published values there, not from our own.

Intervals are 90 %, by bootstrap over networks (1) and over seeds (3). --table is a CSV file with
the columns arch_idx, arch_str and test_acc_200ep; without it, only the small tables are ranked.
--proxies has arch_idx and one column a proxy (NAS-Bench-Suite-Zero: Krishnakumar et al., 2022).
Measured values go into --cache. The last line is one JSON object.
"""

import csv
import json
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from command_line import add_cache, add_table, make_parser, parse, print_result
from intervals import bootstrap_interval, format_interval
from numpy.typing import NDArray
from result_cache import ResultCache
from scipy.stats import kendalltau, spearmanr
from small_spaces import TASKS

from ray_nas.estimators.proxies import PROXIES, Aggregate, Fitted
from ray_nas.estimators.proxies.aggregate import DEFAULT_WEIGHTS
from ray_nas.spaces import NASBench201, SearchSpace

Vector = NDArray[np.float64]
Row = dict[str, float]
BATCH: Final = 64
IMAGES: Final = (
    torch.randn(BATCH, 3, 32, 32, generator=torch.Generator().manual_seed(0)),
    None,
)
"""The batch for NAS-Bench-201."""
BASELINES: Final = ("params", "flops")
PUBLISHED: Final = {"nwot": "naswot"}
"""Published names that differ from ours."""
TRAINED: Final = (32, 64, 128)
RESAMPLES: Final = 500


def main() -> None:
    parser = make_parser(__doc__, quick="100 cells, 12 networks of each small table, 3 seeds")
    add_table(parser, "arch_idx, arch_str and test_acc_200ep")
    parser.add_argument("--proxies", type=Path, help="published proxies as a CSV file")
    parser.add_argument(
        "--tables", type=Path, default=Path(__file__).with_name("tables"), help="small tables"
    )
    parser.add_argument("--cells", type=int, default=1_000, help="random cells to measure")
    parser.add_argument("--networks", type=int, default=60, help="networks of each small table")
    parser.add_argument("--seeds", type=int, default=20, help="draws of the trained cells")
    parser.add_argument(
        "--names",
        type=json.loads,
        nargs="*",
        default=[],
        help='further aggregates as JSON: a list of proxies, or weights as {"naswot": 1}',
    )
    parser.add_argument(
        "--scores",
        type=Path,
        help="values that proxies.py --cache stored; ranks its cells, and measures none",
    )
    add_cache(parser)
    options = parse(parser, cells=100, networks=12, seeds=3)
    torch.set_num_threads(1)
    aggregates = {"aggregate": None, "naswot + params": ["naswot", "params"]}
    aggregates |= {json.dumps(names): names for names in options.names}
    cache = ResultCache(options.cache)
    result: dict[str, Any] = {"spearman": small_tables(options, aggregates, cache)}
    if options.table is not None:
        cells = pd.read_csv(options.table).set_index("arch_idx")
        if options.scores is not None:
            ranked = rank_stored(cells, options.scores, aggregates)
        else:
            drawn = cells.sample(options.cells, random_state=0)
            ranked, milliseconds = rank_cells(drawn, aggregates, cache)
            result["milliseconds"] = milliseconds
            print(f"official network: {milliseconds} ms to build and measure")
        result["spearman"]["nasbench201"] = ranked
        if options.proxies is not None:
            published = pd.read_csv(options.proxies).set_index("arch_idx")
            result["kendall"] = fit_cells(published.join(cells, how="inner"), published, options)
    print_result(result)


# 1 and 2: the aggregate.


def small_tables(
    options: Any, aggregates: Mapping[str, Any], cache: ResultCache
) -> dict[str, dict[str, list[float]]]:
    """The correlations on each small table."""
    result = {}
    for name, task in TASKS.items():
        with (options.tables / f"{name}.csv").open() as file:
            networks = [row for row in csv.DictReader(file) if row["seed"] == "0"]
        networks = networks[: options.networks]
        inputs, labels = task.data()["train"]
        batch = (inputs[:BATCH], labels[:BATCH])
        configs = [json.loads(row["config"]) for row in networks]
        rows, _ = measure(name, task.space(), configs, batch, aggregates, cache)
        accuracies = np.array([float(row["test_accuracy"]) for row in networks])
        result[name] = correlations(name, rows, accuracies, batch, aggregates)
    return result


def rank_stored(
    cells: pd.DataFrame, path: Path, aggregates: Mapping[str, Any]
) -> dict[str, list[float]]:
    """The correlations on the cells of a file with the columns arch, proxy and value."""
    table = pd.read_csv(path).drop_duplicates(["arch", "proxy"], keep="last")
    stored = table.pivot(index="arch", columns="proxy", values="value")
    complete = stored[table.groupby("arch").proxy.apply(set).ge(set(DEFAULT_WEIGHTS))]
    rows = complete.to_dict("records")
    accuracies = cells.set_index("arch_str").test_acc_200ep.loc[complete.index].to_numpy()
    return correlations("nasbench201", rows, accuracies, IMAGES, aggregates)


def rank_cells(
    cells: pd.DataFrame, aggregates: Mapping[str, Any], cache: ResultCache
) -> tuple[dict[str, list[float]], float]:
    """The correlations on cells of NAS-Bench-201, and the milliseconds of a measurement."""
    space = NASBench201()
    configs = [space.from_arch_str(text) for text in cells.arch_str]
    rows, seconds = measure("nasbench201", space, configs, IMAGES, aggregates, cache)
    accuracies = cells.test_acc_200ep.to_numpy()
    milliseconds = round(1_000 * float(np.median(seconds)), 1)
    return correlations("nasbench201", rows, accuracies, IMAGES, aggregates), milliseconds


def measure(
    table: str,
    space: SearchSpace,
    configs: Sequence[Mapping[str, Any]],
    batch: Any,
    aggregates: Mapping[str, Any],
    cache: ResultCache,
) -> tuple[list[Row], list[float]]:
    """The proxies of each config, and the processor seconds that the default aggregate took."""
    default = Aggregate(batch)
    names = {name for weights in aggregates.values() for name in weights or ()}
    others = sorted((names | set(BASELINES)) - set(default.names))

    def run(config: Mapping[str, Any], which: Aggregate) -> tuple[Row, float]:
        start = time.process_time()
        [row] = which.measure(space, [config])
        return row, time.process_time() - start

    rows, seconds = [], []
    for config in configs:
        row, cost = cache.get_or_run(
            table, config, list(default.names), run=lambda config=config: run(config, default)
        )
        for name in others:
            other = Aggregate(batch, names=[name])
            more, _ = cache.get_or_run(
                table, config, name, run=lambda config=config, other=other: run(config, other)
            )
            row = {**row, **more}
        rows.append(row)
        seconds.append(cost)
    return rows, seconds


def correlations(
    table: str,
    rows: Sequence[Row],
    accuracies: Vector,
    batch: Any,
    aggregates: Mapping[str, Any],
) -> dict[str, list[float]]:
    """Spearman of aggregates and baselines with accuracy, and the aggregate's margin."""
    estimators = {name: Aggregate(batch, names=weights) for name, weights in aggregates.items()}
    estimators |= {name: Aggregate(batch, names=[name]) for name in BASELINES}

    def statistics(indices: NDArray[np.int64]) -> Vector:
        some = [rows[index] for index in indices]
        with warnings.catch_warnings():  # of proxies that no network of the table has
            warnings.simplefilter("ignore", UserWarning)
            values = [
                spearman(each.combine(some), accuracies[indices]) for each in estimators.values()
            ]
        return np.array([*values, values[0] - max(values[-len(BASELINES) :])])

    count = len(rows)
    draws = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
    estimate = statistics(np.arange(count))
    low, high = np.quantile([statistics(draw) for draw in draws], [0.05, 0.95], axis=0)
    print(f"{table}: {count} networks, accuracy {accuracies.min():.1f} to {accuracies.max():.1f}")
    result = {}
    for place, name in enumerate([*estimators, "margin"]):
        result[name] = [round(float(each[place]), 3) for each in (estimate, low, high)]
        print(f"  {name:<24}{format_interval(*result[name], digits='.3f')}", flush=True)
    return result


def spearman(scores: Sequence[float], accuracies: Vector) -> float:
    """Spearman's correlation; 0 where all scores are equal."""
    if np.ptp(scores) == 0:
        return 0.0
    return float(spearmanr(scores, accuracies).statistic)


# 3: fitted.


def fit_cells(cells: pd.DataFrame, published: pd.DataFrame, options: Any) -> dict[str, Any]:
    """Kendall of `Fitted` on all published cells after some were trained, and of its prior."""
    space = NASBench201()
    table = published.rename(columns=PUBLISHED)
    names = [name for name in table.columns if name in PROXIES]
    proxies = table.loc[cells.index, names].to_dict("records")
    configs = [space.from_arch_str(text) for text in cells.arch_str]
    accuracies = cells.test_acc_200ep.to_numpy()
    # Labels only say that proxies that need them may be named.
    estimator = Fitted((torch.zeros(1), torch.zeros(1)), features=names)
    rows = estimator.with_features(space, configs, proxies)
    prior = kendall(estimator.combine(rows), accuracies)
    print(f"fitted: {len(cells)} cells, prior alone {prior:.3f}")
    result: dict[str, Any] = {"cells": len(cells), "proxies": names, "prior": round(prior, 3)}
    for number in TRAINED:
        values = []
        for seed in range(options.seeds):
            drawn = np.random.default_rng(seed).choice(len(cells), number, replace=False)
            chosen = [configs[index] for index in drawn], [rows[index] for index in drawn]
            estimator.fit(space, *chosen, accuracies[drawn].tolist())
            values.append(kendall(estimator.combine(rows), accuracies))
        interval = bootstrap_interval(np.array(values))
        result[str(number)] = [round(value, 3) for value in (np.mean(values), *interval)]
        result[f"{number}, lowest"] = round(min(values), 3)
        text = format_interval(*result[str(number)], digits=".3f")
        print(f"  {number} trained: {text}, lowest {min(values):.3f}", flush=True)
    return result


def kendall(scores: Sequence[float], accuracies: Vector) -> float:
    """Kendall's tau."""
    return float(kendalltau(scores, accuracies).statistic)


if __name__ == "__main__":
    main()
