"""Test accuracy of architectures that were chosen without training, on NAS-Bench-201.

    python benchmarks/zero_shot.py --table nasbench201_cifar10.csv.gz --scores scores.csv --quick
    python benchmarks/zero_shot.py --table nasbench201_cifar10.csv.gz --scores scores.csv

Each method yields one architecture a seed, and its CIFAR-10 test accuracy after 200 epochs is read
from the table: a random architecture; the one with the most parameters, and with the most FLOPs, of
1,000 random ones; NASWOT (the highest `naswot` of 1,000 random ones); regularized evolution over an
aggregate of `naswot`, `params` and `flops` with 1,000 evaluations; and TE-NAS, which prunes the
network of all alternatives (narrowed to 8 channels and one cell a stage). The proxies of a cell are
read from `--scores`, a CSV file with the columns key, params, flops and naswot, made on the
official network. Published test accuracies: NASWOT 92.96 (1,000 architectures), TE-NAS 93.90. The
last line is one JSON object.
"""

import argparse
import csv
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from command_line import add_table, make_parser, print_result
from intervals import format_interval, with_bootstrap_interval

from ray_nas.estimators.proxies import Aggregate
from ray_nas.searchers import RandomSearch, RegularizedEvolution
from ray_nas.spaces import NASBench201
from ray_nas.spaces.core.search_space import Config
from ray_nas.zero_shot import te_nas_search, zero_shot_search

SPACE: Final = NASBench201()
SAMPLES: Final = 1000
STORED: Final = ("params", "flops", "naswot")
"""The proxies that the table of scores has."""
PRUNED: Final = NASBench201(channels=8, cells_per_stage=1)
"""The network that TE-NAS prunes."""


class TabularScore:
    """An aggregate whose proxies are read from a table instead of being measured."""

    def __init__(self, rows: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> None:
        self._rows = rows
        self._aggregate = Aggregate((torch.zeros(1, 3, 32, 32), None), names=tuple(names))
        self.combine = self._aggregate.combine
        self._names = names

    def __call__(self, space: NASBench201, configs: Sequence[Config]) -> list[float]:
        """The scores of configs; larger is better."""
        return self.combine(self.measure(space, configs))

    def measure(self, space: NASBench201, configs: Sequence[Config]) -> list[dict[str, float]]:
        """The proxies of each config; a cell that the table lacks ranks last."""
        return [
            {
                name: self._rows.get(space.canonical(config), {}).get(name, float("nan"))
                for name in self._names
            }
            for config in configs
        ]


def read_scores(path: Path) -> dict[str, dict[str, float]]:
    """Proxies by the key of a cell."""
    with path.open() as file:
        return {
            row["key"]: {name: float(row[name]) for name in STORED} for row in csv.DictReader(file)
        }


def best_of_random(names: Sequence[str]) -> Callable[[Any, int], Config]:
    """The best of 1,000 random architectures by proxies."""

    def search(rows: Any, seed: int) -> Config:
        searcher = RandomSearch(SPACE, seed=seed)
        score = TabularScore(rows, names)
        found = zero_shot_search(SPACE, score, searcher=searcher, evaluations=SAMPLES, top=1)
        return found[0].config

    return search


def evolved(rows: Any, seed: int) -> Config:
    """Regularized evolution over the aggregate."""
    score = TabularScore(rows, STORED)
    searcher = RegularizedEvolution(SPACE, seed=seed)
    found = zero_shot_search(SPACE, score, searcher=searcher, evaluations=SAMPLES, top=1)
    return found[0].config


def pruned(rows: Any, seed: int) -> Config:
    """TE-NAS."""
    rng = torch.Generator().manual_seed(seed)
    batch = torch.randn(32, 3, 32, 32, generator=rng), None
    return te_nas_search(PRUNED, batch, seed=seed)


METHODS: Final[dict[str, Callable[[Any, int], Config]]] = {
    "random": lambda rows, seed: SPACE.sample(random_state=np.random.default_rng(seed)),
    "params": best_of_random(("params",)),
    "flops": best_of_random(("flops",)),
    "naswot": best_of_random(("naswot",)),
    "aggregate": evolved,
    "te_nas": pruned,
}


def parse_options() -> argparse.Namespace:
    parser = make_parser(__doc__, quick="3 seeds, 1 of TE-NAS")
    add_table(parser, "arch_str and test_acc_200ep")
    parser.add_argument("--scores", type=Path, required=True, help="proxies of the cells")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--te-nas-seeds", type=int, default=4, help="minutes each; 0 for none")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.te_nas_seeds = 3, min(1, options.te_nas_seeds)
    return options


def main() -> None:
    options = parse_options()
    torch.set_num_threads(1)
    frame = pd.read_csv(options.table)
    accuracy = dict(zip(frame.arch_str, frame.test_acc_200ep, strict=True))
    rows = read_scores(options.scores)
    result: dict[str, Any] = {"cells_with_scores": len(rows)}
    for name, choose in METHODS.items():
        seeds = options.te_nas_seeds if name == "te_nas" else options.seeds
        if not seeds:
            continue
        start = time.process_time()
        found = [accuracy[SPACE.to_arch_str(choose(rows, seed))] for seed in range(seeds)]
        seconds = (time.process_time() - start) / seeds
        estimate = with_bootstrap_interval(np.array(found))
        result[name] = {"test_accuracy": estimate, "seeds": seeds, "cpu_seconds": seconds}
        print(f"{name:10} {format_interval(*estimate, '.2f')}  {seeds} seeds", flush=True)
    print_result(result)


if __name__ == "__main__":
    main()
