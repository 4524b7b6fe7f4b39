"""What a start from scored candidates saves, and what misleading scores cost.

    # Seconds, once the scores are in a file:
    python benchmarks/informed_start.py --quick --scores proxies.csv
    # All of it, an hour of CPU time:
    python benchmarks/informed_start.py --scores proxies.csv

Three tables of NAS-Bench-201. Each searcher runs with and without `ZeroCostWarmup` (1,000
candidates), on the same seeds; with --workers trials in flight, each of a random duration. Regret
is the table's best value minus the best one found, in percent. The ratio is that of the means, with
and without; its 90 % interval is a bootstrap over pairs of searches with the same seed.

--scores is a CSV file with the column `arch` and one column for each proxy, one row for each cell
(its equivalents are found by their canonical key). --names says which proxies make the score: the
sum of the logarithms of their ranks. Two scores mislead: the same ones in random order, and
parameters, fewer is better.
"""

import argparse
import heapq
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from command_line import add_cache, check_names, make_parser, parse, print_result
from intervals import bootstrap_interval, format_interval
from result_cache import ResultCache
from scipy.stats import rankdata
from tables import FAMILIES, Table, table_by_name

from ray_nas.searchers import (
    Bananas,
    LocalSearch,
    RandomSearch,
    RegularizedEvolution,
    Reinforce,
    ZeroCostWarmup,
)
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.spaces import NASBench201, SearchSpace

SEARCHERS: Final[dict[str, type[ArchitectureSearcher]]] = {
    one.__name__: one
    for one in (RandomSearch, RegularizedEvolution, LocalSearch, Reinforce, Bananas)
}
BUDGETS: Final = (10, 20, 50)
MISLEADING: Final = ("shuffled", "fewer parameters")
Scores = Callable[[SearchSpace, Sequence[Mapping[str, Any]]], list[float]]


class ProxyTable:
    """Proxies of every cell, looked up by its canonical key.

    Args:
        path: The CSV file.
        names: Which proxies make the score.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        frame = pd.read_csv(path).dropna(subset="arch").drop_duplicates("arch")
        space = NASBench201()
        keys = [space.canonical(space.from_arch_str(text)) for text in frame["arch"]]
        self.frame = frame.set_index(pd.Index(keys))
        self.frame = self.frame[~self.frame.index.duplicated()]
        self.names = list(names)

    def __call__(self, space: SearchSpace, configs: Sequence[Mapping[str, Any]]) -> list[float]:
        """The sum of the logarithms of the proxies' ranks; what is missing ranks last."""
        rows = self.values(space, configs, self.names)
        return [float(value) for value in np.log(rankdata(rows, axis=0)).sum(axis=1)]

    def values(
        self, space: SearchSpace, configs: Sequence[Mapping[str, Any]], names: Sequence[str]
    ) -> np.ndarray:
        """Proxies of configs, shape (configs, names)."""
        keys = [space.canonical(config) for config in configs]
        values = self.frame.reindex(keys)[list(names)].to_numpy(dtype=float)
        return np.where(np.isfinite(values), values, -np.inf)


def shuffled(table: ProxyTable, seed: int) -> Scores:
    """The same scores, in random order."""

    def score(space: SearchSpace, configs: Sequence[Mapping[str, Any]]) -> list[float]:
        order = np.random.default_rng(seed).permutation(len(configs))
        scores = table(space, configs)
        return [scores[index] for index in order]

    return score


def fewer_parameters(table: ProxyTable, seed: int) -> Scores:
    """The fewer parameters, the better."""

    def score(space: SearchSpace, configs: Sequence[Mapping[str, Any]]) -> list[float]:
        return [-float(value) for value in table.values(space, configs, ["params"])[:, 0]]

    return score


def run(
    table: Table, name: str, score: Scores | None, seed: int, queries: int, workers: int
) -> tuple[list[float], bool]:
    """The regret after each completed trial, and whether the scores were dropped."""
    searcher: Any = SEARCHERS[name](table.space, "value", "max", seed=seed)
    if score is not None:
        searcher = ZeroCostWarmup(searcher, score=score, seed=seed)
    durations = np.random.default_rng(seed)
    pending: list[tuple[float, int, float]] = []
    regrets: list[float] = []
    clock, incumbent, asked = 0.0, -np.inf, 0
    while len(regrets) < queries:
        while len(pending) < workers and asked < queries + workers - 1:
            value = table.value(searcher.suggest(str(asked)))
            heapq.heappush(pending, (clock + durations.uniform(0.5, 1.5), asked, value))
            asked += 1
        clock, number, value = heapq.heappop(pending)
        searcher.on_trial_complete(str(number), {"value": value})
        incumbent = max(incumbent, value)
        regrets.append(table.best - incumbent)
    return regrets, any(audit.dropped for audit in searcher.ledger.record.audits)


def searches(
    table: Table,
    name: str,
    scores: Callable[[int], Scores | None],
    label: str,
    options: argparse.Namespace,
    cache: ResultCache,
) -> tuple[np.ndarray, float]:
    """The regrets of all seeds, shape (seeds, queries), and how many dropped the scores."""
    queries, workers = options.queries, options.workers
    runs = [
        cache.get_or_run(
            *("informed_start", table.name, name, label, seed, queries, workers),
            run=partial(run, table, name, scores(seed), seed, queries, workers),
        )
        for seed in range(options.first_seed, options.first_seed + options.seeds)
    ]
    return np.array([regrets for regrets, _ in runs]), float(np.mean([end for _, end in runs]))


def ratio_interval(with_scores: np.ndarray, without: np.ndarray) -> tuple[float, float, float]:
    """Ratio of the means and its 90 % bootstrap interval over pairs, shape (seeds,) each."""
    pairs = np.random.default_rng(0).integers(len(without), size=(2_000, len(without)))
    drawn = with_scores[pairs].mean(axis=1) / np.maximum(without[pairs].mean(axis=1), 1e-9)
    low, high = np.quantile(drawn, (0.05, 0.95))
    return float(with_scores.mean() / max(without.mean(), 1e-9)), float(low), float(high)


def compare(with_scores: np.ndarray, without: np.ndarray) -> dict[str, Any]:
    """Figures by budget: both means, their ratio, and the paired difference."""
    figures = {}
    for budget in [budget for budget in BUDGETS if budget <= without.shape[1]]:
        informed, blind = with_scores[:, budget - 1], without[:, budget - 1]
        figures[str(budget)] = {
            "with": float(informed.mean()),
            "without": float(blind.mean()),
            "ratio": ratio_interval(informed, blind),
            "difference": [
                float((informed - blind).mean()),
                *bootstrap_interval(informed - blind),
            ],
        }
    return figures


def line(label: str, figures: Mapping[str, Any], dropped: float) -> str:
    cells = "".join(
        f"{one['without']:9.3f} {one['with']:7.3f}  {format_interval(*one['ratio'], '.2f'):18}"
        for one in figures.values()
    )
    return f"  {label:38}{cells} dropped {dropped:.0%}"


def parse_options() -> argparse.Namespace:
    parser = make_parser(__doc__, quick="5 seeds, CIFAR-10, without Bananas and Reinforce")
    datasets = list(FAMILIES["nasbench201"][0])
    parser.add_argument("--scores", type=Path, required=True, help="proxies as a CSV file")
    parser.add_argument("--names", nargs="+", default=["naswot", "params"], help="its columns")
    parser.add_argument("--seconds", type=float, help="seconds that scoring one candidate takes")
    parser.add_argument("--datasets", nargs="+", default=datasets, help=f"of {datasets}")
    parser.add_argument("--searchers", nargs="+", default=list(SEARCHERS))
    parser.add_argument("--seeds", type=int, default=30, help="searches per searcher and table")
    parser.add_argument("--first-seed", type=int, default=0, help="of these seeds")
    parser.add_argument("--queries", type=int, default=50, help="completed trials of a search")
    parser.add_argument("--workers", type=int, default=1, help="trials in flight")
    parser.add_argument("--misleading", action="store_true", help="also scores that mislead")
    add_cache(parser)
    options = parse(parser, seeds=5)
    if options.quick:
        options.datasets = options.datasets[:1]
        options.searchers = ["RandomSearch", "RegularizedEvolution", "LocalSearch"]
    check_names(parser, "--datasets", options.datasets, datasets)
    check_names(parser, "--searchers", options.searchers, SEARCHERS)
    return options


def main() -> None:
    options = parse_options()
    cache = ResultCache(options.cache)
    proxies = ProxyTable(options.scores, options.names)
    label = "+".join(options.names)
    kinds: dict[str, Callable[[int], Scores | None]] = {label: lambda seed: proxies}
    if options.misleading:
        kinds["shuffled"] = partial(shuffled, proxies)
        kinds["fewer parameters"] = partial(fewer_parameters, proxies)
    result: dict[str, Any] = {}
    for dataset in options.datasets:
        table = table_by_name(f"nasbench201/{dataset}")
        covered = len(proxies.frame)
        print(
            f"{table.name}: {options.seeds} seeds, {options.workers} in flight, scores of "
            f"{covered} cells; mean regret without, with, and their ratio, after "
            + ", ".join(str(budget) for budget in BUDGETS if budget <= options.queries)
        )
        result[dataset] = {}
        for name in options.searchers:
            without, _ = searches(table, name, lambda seed: None, "", options, cache)
            result[dataset][name] = {}
            for kind, scores in kinds.items():
                informed, dropped = searches(table, name, scores, kind, options, cache)
                figures = compare(informed, without)
                result[dataset][name][kind] = {**figures, "dropped": dropped}
                print(line(f"{name} {kind}", figures, dropped), flush=True)
    if options.seconds is not None:
        print(f"cost of the start: 1000 x {options.seconds:g} s = {1000 * options.seconds:g} s")
    kept = ("seeds", "first_seed", "queries", "workers", "names")
    settings = {name: getattr(options, name) for name in kept}
    print_result({**settings, "seconds": options.seconds, "tables": result})


if __name__ == "__main__":
    main()
