"""BOHB beside HpBandSter's own model, random search and others, all under Tune's ASHA.

    python benchmarks/bohb.py --quick
    python benchmarks/bohb.py --table nasbench201_cifar10.csv.gz
    python benchmarks/bohb.py --only counting_ones --searchers random bohb stock

All searches have the same simulated cost. `counting_ones` is the function of the BOHB paper
(section 5.1): half the parameters are 0 or 1, half lie in [0, 1], and a budget of b observes the
mean of b Bernoulli draws for each of the latter. With a table of NAS-Bench-201 the rungs are its
12-epoch and 200-epoch trainings, and both are paid for. Regret is that of the best trial on the
full budget.

HpBandSter's unmodified model (`stock`) retrains cells that compute the same function; `stock, no
duplicates` skips configs whose canonical key was proposed before, as every searcher of ray_nas
does. The CPU time of a decision is printed first. The last line is one JSON object.
"""

import argparse
import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from command_line import add_cache, add_table, make_parser, parse, print_result
from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    EqualsCondition,
    OrdinalHyperparameter,
    UniformFloatHyperparameter,
)
from intervals import format_interval, with_bootstrap_interval
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import Searcher
from result_cache import ResultCache

from ray_nas.searchers import BOHB, Bananas, LocalSearch, RandomSearch, RegularizedEvolution
from ray_nas.simulation import simulate
from ray_nas.spaces import NASBench201, SearchSpace


@dataclass(frozen=True)
class Task:
    """A space with its objective, and the simulated cost of one search."""

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
    """The counting-ones function of the BOHB paper, with `pairs` parameters of each kind."""
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


def nasbench201(path: Path, trainings: int = 60) -> Task:
    """NAS-Bench-201 at the cost of `trainings` full trainings, spread over four workers."""
    space = NASBench201()
    table = pd.read_csv(path).set_index("arch_str")
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
    """HpBandSter's unmodified generator, which receives every report.

    It draws from numpy's global generator, which is seeded here.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        from hpbandster.optimizers.config_generators.bohb import BOHB as Generator  # noqa: N811

        super().__init__(metric="accuracy", mode="max")
        self._space, self._configs = space, {}
        # HpBandSter prints its data whenever a density is not finite.
        logging.getLogger("hpbandster").setLevel(logging.CRITICAL)
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
        """Passes a report on as a job that ended on a budget."""
        job = _Job(
            trial_id,
            {"loss": -result["accuracy"]},
            {"budget": result["epoch"], "config": self._configs[trial_id]},
        )
        self._generator.new_result(job)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Passes on the last report, which Tune sends only here."""
        if result:
            self.on_trial_result(trial_id, result)


@dataclass
class _Job:
    id: str
    result: dict[str, float]
    kwargs: dict[str, Any]
    exception: None = None


class StockWithoutDuplicates(Stock):
    """HpBandSter's generator, asked again when it repeats a proposal."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        super().__init__(space, seed)
        self._keys: set[str] = set()

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """HpBandSter's next config that computes a new function, or the last of 100 tries."""
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
    """The regret of one search: its best trial on the full budget."""
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
    """Prints and returns mean regrets, and mean paired differences to random search."""
    print(
        f"{title}: {seeds} seeds; mean regret, and mean difference to random search "
        "seed by seed; 90 % intervals"
    )
    regrets, figures = {}, {}
    for name in dict.fromkeys(["random", *names]):
        regrets[name] = np.array(
            [
                cache.get_or_run(
                    "bohb", title, name, seed, run=partial(_quiet_regret, task, name, seed)
                )
                for seed in range(seeds)
            ]
        )
        figures[name] = {
            "regret": with_bootstrap_interval(regrets[name], resamples=10_000),
            "less random's": with_bootstrap_interval(
                regrets[name] - regrets["random"], resamples=10_000
            ),
        }
        cells = "".join(f"{format_interval(*cell, '.3f'):>26}" for cell in figures[name].values())
        print(f"  {name:22}{cells}", flush=True)
    return figures


def _quiet_regret(task: Task, name: str, seed: int) -> float:
    with warnings.catch_warnings():
        # The stock generator calls ConfigSpace's deprecated methods.
        warnings.simplefilter("ignore")
        return float(regret(task, name, seed))


def milliseconds(observations: int, decisions: int = 20) -> float:
    """Median CPU milliseconds of a decision after a number of observations.

    The space has 8 parameters of all kinds, three of them conditional.
    """
    space = ConfigurationSpace()
    operation = CategoricalHyperparameter("operation", ["a", "b", "c"])
    third = CategoricalHyperparameter("third", ["u", "v"])
    depth = OrdinalHyperparameter("depth", [1, 2, 3])
    floats = [UniformFloatHyperparameter(f"x_{i}", 0.0, 1.0) for i in range(5)]
    space.add(operation, depth, third, *floats)
    space.add(
        EqualsCondition(third, depth, 3),
        EqualsCondition(floats[0], operation, "a"),
        EqualsCondition(floats[1], operation, "b"),
    )
    search_space, rng = SearchSpace(space), np.random.default_rng(0)
    # Given as points to evaluate, so that the model does not run for them.
    known = search_space.sample(size=observations, random_state=rng)
    searcher = BOHB(
        search_space, "loss", "min", random_fraction=0.0, points_to_evaluate=known, seed=0
    )
    spent = []
    for number in range(observations + decisions):
        start = time.process_time()
        searcher.suggest(str(number))
        searcher.on_trial_complete(
            str(number), {"loss": float(rng.random()), "training_iteration": 1}
        )
        spent.append(1e3 * (time.process_time() - start))
    return round(float(np.median(spent[observations:])), 2)


def parse_options() -> argparse.Namespace:
    parser = make_parser(__doc__, quick="5 seeds")
    add_table(parser, "arch_str, val_acc_12ep, val_acc_200ep and train_seconds_per_epoch")
    parser.add_argument("--only", choices=["counting_ones", "nasbench201"], help="one of the tasks")
    parser.add_argument(
        "--searchers",
        nargs="+",
        choices=SEARCHERS,
        default=list(SEARCHERS),
        help="compared with random search; default: all",
    )
    parser.add_argument("--seeds", type=int, default=30, help="searches per searcher and task")
    add_cache(parser)
    return parse(parser, seeds=5)


def main() -> None:
    options = parse_options()
    cache = ResultCache(options.cache)
    times = {str(count): milliseconds(count) for count in (100, 1_000, 5_000)}
    print("CPU time of a BOHB decision, ms, by observations:", times, flush=True)
    result: dict[str, Any] = {"seeds": options.seeds, "ms_a_decision": times}
    tasks = {"counting_ones": counting_ones()}
    if options.table:
        tasks["nasbench201"] = nasbench201(options.table)
    for name, task in tasks.items():
        if options.only in (None, name):
            result[name] = compare(name, task, options.searchers, options.seeds, cache)
    print_result(result)


if __name__ == "__main__":
    main()
