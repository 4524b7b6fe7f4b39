"""BOHB beside HpBandSter's own model, random search and others, all under Tune's ASHA at equal
simulated cost.

    python benchmarks/bohb.py --quick
    python benchmarks/bohb.py --table nasbench201_cifar10.csv.gz
    python benchmarks/bohb.py --only counting_ones --searchers random bohb stock

`counting_ones` is the BOHB paper's own function (section 5.1): half the parameters are 0 or 1, half
in [0, 1], and a budget of b sees the mean of b Bernoulli draws for each of the latter. With a table
of NAS-Bench-201 the rungs are its 12-epoch and 200-epoch trainings, both paid for. The regret is
that of the best trial on the full budget.

HpBandSter's model as it is (`stock`) trains cells that compute the same function again; `stock, no
duplicates` leaves out what was proposed before by the space's canonical key, as every searcher of
ray_nas does. The CPU time of a decision is printed first.
"""

import argparse
import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    EqualsCondition,
    OrdinalHyperparameter,
    UniformFloatHyperparameter,
)
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import Searcher
from result_cache import ResultCache

from ray_nas.searchers import BOHB, Bananas, LocalSearch, RandomSearch, RegularizedEvolution
from ray_nas.simulation import simulate
from ray_nas.spaces import NASBench201, SearchSpace


@dataclass(frozen=True)
class Task:
    """What is searched, and for how long."""

    space: SearchSpace
    objective: Callable[..., Iterator[tuple[float, dict[str, Any]]]]
    optimum: float
    """The best value; larger is better."""
    rungs: tuple[int, int, int]
    """ASHA's grace period, reduction factor and max_t."""
    seconds: float
    """The simulated cost of one search, on `workers` workers."""
    workers: int = 4


def counting_ones(pairs: int = 4, seconds: float = 2_000.0) -> Task:
    space = ConfigurationSpace()
    for index in range(pairs):
        space.add(
            CategoricalHyperparameter(f"bit_{index}", [0, 1]),
            UniformFloatHyperparameter(f"share_{index}", 0.0, 1.0),
        )

    def train(
        config: Mapping[str, Any], rng: np.random.Generator
    ) -> Iterator[tuple[float, dict[str, Any]]]:
        bits = sum(config[f"bit_{index}"] for index in range(pairs))
        shares = [config[f"share_{index}"] for index in range(pairs)]
        before = 0
        for budget in (9, 27, 81, 243, 729):
            seen = sum(rng.binomial(budget, share) / budget for share in shares)
            yield (
                float(budget - before),
                {"accuracy": float(bits + seen), "epoch": budget, "exact": bits + sum(shares)},
            )
            before = budget

    return Task(SearchSpace(space), train, 2.0 * pairs, (9, 3, 729), seconds * pairs)


def nasbench201(path: str, trainings: int = 60) -> Task:
    import pandas

    space = NASBench201()
    table = pandas.read_csv(path).set_index("arch_str")
    rows = table[["val_acc_12ep", "val_acc_200ep", "train_seconds_per_epoch"]].to_dict("index")

    def train(config: Mapping[str, Any]) -> Iterator[tuple[float, dict[str, Any]]]:
        row = rows[space.to_arch_str(config)]
        for epoch in (12, 200):
            accuracy = row[f"val_acc_{epoch}ep"]
            yield (
                epoch * row["train_seconds_per_epoch"],
                {"accuracy": accuracy, "epoch": epoch, "exact": accuracy},
            )

    seconds = trainings * 200 * float(table["train_seconds_per_epoch"].mean())
    return Task(space, train, float(table["val_acc_200ep"].max()), (12, 4, 200), seconds / 4)


class Stock(Searcher):
    """HpBandSter's generator as it is, told of every report. It draws from numpy's global
    generator, which is seeded here.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        from hpbandster.optimizers.config_generators.bohb import BOHB as Generator  # noqa: N811

        super().__init__(metric="accuracy", mode="max")
        self._space, self._configs = space, {}
        logging.getLogger("hpbandster").setLevel(
            logging.CRITICAL
        )  # it prints its data whenever a density is not finite
        np.random.seed(seed)  # noqa: NPY002
        config_space = ConfigurationSpace.from_serialized_dict(
            space.config_space.to_serialized_dict()
        )
        config_space.seed(seed)
        self._generator = Generator(config_space)

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """HpBandSter's next config."""
        config, _ = self._generator.get_config(None)
        self._configs[trial_id] = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in dict(config).items()
        }
        return dict(self._configs[trial_id])

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """A report is a job that ended on a budget."""
        job = _Job(
            trial_id,
            {"loss": -result["accuracy"]},
            {"budget": result["epoch"], "config": self._configs[trial_id]},
        )
        self._generator.new_result(job)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """The last report, which Tune hands over here only."""
        if result:
            self.on_trial_result(trial_id, result)


@dataclass
class _Job:
    id: str
    result: dict[str, float]
    kwargs: dict[str, Any]
    exception: None = None


class StockWithoutDuplicates(Stock):
    """HpBandSter's generator, asked again where it proposes what was proposed before, as our
    searchers are.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        super().__init__(space, seed)
        self._keys: set[str] = set()

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """HpBandSter's next config that computes a new function, the last one if 100 do not."""
        for _ in range(100):
            config = super().suggest(trial_id)
            key = self._space.canonical(config)
            if key not in self._keys:
                break
        self._keys.add(key)
        return config


SEARCHERS: dict[str, Callable[[SearchSpace, int], Searcher]] = {
    "random": lambda space, seed: RandomSearch(space, "accuracy", "max", seed=seed),
    "stock": Stock,
    "stock, no duplicates": StockWithoutDuplicates,
    "bohb": lambda space, seed: BOHB(space, "accuracy", "max", time_attr="epoch", seed=seed),
    "evolution": lambda space, seed: RegularizedEvolution(space, "accuracy", "max", seed=seed),
    "local search": lambda space, seed: LocalSearch(space, "accuracy", "max", seed=seed),
    "bananas": lambda space, seed: Bananas(space, "accuracy", "max", time_attr="epoch", seed=seed),
}


def regret(task: Task, name: str, seed: int) -> float:
    grace, factor, max_t = task.rungs
    scheduler = ASHAScheduler(
        time_attr="epoch",
        metric="accuracy",
        mode="max",
        grace_period=grace,
        reduction_factor=factor,
        max_t=max_t,
    )
    searcher = SEARCHERS[name](task.space, seed)
    history = simulate(
        task.objective,
        searcher,
        scheduler,
        num_workers=task.workers,
        max_seconds=task.seconds,
        seed=seed,
    )
    reports = [report for trial in history.trials for report in trial.results]
    finals = [report for report in reports if report["epoch"] == max_t]
    if not finals:
        return task.optimum
    return task.optimum - float(max(finals, key=lambda report: report["accuracy"])["exact"])


def compare(
    title: str, task: Task, names: Sequence[str], seeds: int, cache: ResultCache
) -> dict[str, dict[str, Any]]:
    """Prints the regrets of the searchers; mean regret, and the mean difference to random search
    seed by seed.
    """
    print(
        f"{title}: {seeds} seeds; mean regret and, seed by seed, less that of random search; 90 % intervals"
    )
    regrets, figures = {}, {}
    for name in dict.fromkeys(["random", *names]):
        regrets[name] = np.array(
            [_remembered(cache, title, task, name, seed) for seed in range(seeds)]
        )
        figures[name] = {
            "regret": mean(regrets[name]),
            "less random's": mean(regrets[name] - regrets["random"]),
        }
        print(
            f"  {name:22}"
            + "".join(
                f"{f'{m:.3f} [{low:.3f}, {high:.3f}]':>26}"
                for m, low, high in figures[name].values()
            ),
            flush=True,
        )
    return figures


def _remembered(cache: ResultCache, title: str, task: Task, name: str, seed: int) -> float:
    key = ("bohb", title, name, seed)
    if cache.get(*key) is None:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of the stock generator, which calls ConfigSpace's deprecated methods
            cache.put(*key, value=regret(task, name, seed))
    return float(cache.get(*key))


def mean(values: np.ndarray) -> tuple[float, float, float]:
    """The mean and its 90 % interval by bootstrap."""
    means = values[np.random.default_rng(0).integers(len(values), size=(10_000, len(values)))].mean(
        axis=1
    )
    low, high = np.quantile(means, [0.05, 0.95])
    return float(values.mean()), float(low), float(high)


def milliseconds(observations: int, decisions: int = 20) -> float:
    """Median CPU time of a decision after so many observations, over 8 parameters of all kinds,
    three of them conditional.
    """
    space = ConfigurationSpace()
    operation, third = (
        CategoricalHyperparameter("operation", ["a", "b", "c"]),
        CategoricalHyperparameter("third", ["u", "v"]),
    )
    depth, floats = (
        OrdinalHyperparameter("depth", [1, 2, 3]),
        [UniformFloatHyperparameter(f"x_{i}", 0.0, 1.0) for i in range(5)],
    )
    space.add(operation, depth, third, *floats)
    space.add(
        EqualsCondition(third, depth, 3),
        EqualsCondition(floats[0], operation, "a"),
        EqualsCondition(floats[1], operation, "b"),
    )
    search_space, rng, spent = SearchSpace(space), np.random.default_rng(0), []
    known = search_space.sample(
        size=observations, random_state=rng
    )  # given, so that the model is not asked for them
    searcher = BOHB(
        search_space, "loss", "min", random_fraction=0.0, points_to_evaluate=known, seed=0
    )
    for number in range(observations + decisions):
        start = time.process_time()
        searcher.suggest(str(number))
        searcher.on_trial_complete(
            str(number), {"loss": float(rng.random()), "training_iteration": 1}
        )
        spent.append(1e3 * (time.process_time() - start))
    return round(float(np.median(spent[observations:])), 2)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--table",
        help="CSV of NAS-Bench-201 with arch_str, val_acc_12ep, val_acc_200ep, train_seconds_per_epoch",
    )
    parser.add_argument("--only", choices=["counting_ones", "nasbench201"], help="one of the tasks")
    parser.add_argument(
        "--searchers",
        nargs="+",
        choices=SEARCHERS,
        default=list(SEARCHERS),
        help="beside random search",
    )
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument(
        "--cache", type=Path, help="file of finished results: what stands in it is not run again"
    )
    parser.add_argument("--quick", action="store_true", help="5 seeds")
    arguments = parser.parse_args()
    seeds, cache = 5 if arguments.quick else arguments.seeds, ResultCache(arguments.cache)
    figures: dict[str, Any] = {
        "seeds": seeds,
        "ms_a_decision": {str(count): milliseconds(count) for count in (100, 1_000, 5_000)},
    }
    print(
        "CPU time of a decision of BOHB, ms, by observations:", figures["ms_a_decision"], flush=True
    )
    tasks = {"counting_ones": counting_ones()}
    if arguments.table:
        tasks["nasbench201"] = nasbench201(arguments.table)
    for name, task in tasks.items():
        if arguments.only in (None, name):
            figures[name] = compare(name, task, arguments.searchers, seeds, cache)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
