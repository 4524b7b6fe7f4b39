"""The arms of `does_it_pay.py`: how each spends its CPU seconds, and what it picks.

A search runs in this process. Its clock is the CPU time of the process (`time.process_time`, one
thread), so that all is paid for: training, validation, the searcher's decisions, failures. When it
is used up, the trial that runs is cut off. Searchers and ASHA are the very objects that Tune
drives.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pay_outside
import torch
from pay_spaces import Setting, build, hyperparameters
from pay_tasks import Task
from pay_training import constant, figures, retrained, train
from ray import tune
from ray.tune.schedulers import ASHAScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from ray_nas.searchers import ArchitectureSearcher, RandomSearch, RegularizedEvolution
from ray_nas.simulation import History, simulate
from ray_nas.simulation.virtual_trial import VirtualTrial
from ray_nas.spaces.core.joint_space import JointSpace

ARMS: Final = ("H0", "H1", "R", "N", "S", "A", "T", "W", "M", "K")
"""In this order: S, W and M need H1's number of parameters."""
NEED_H1: Final = ("S", "W", "M")
RETRAININGS: Final = 3
REDUCTION: Final = 3
"""ASHA keeps one in three at a third and a ninth of a full training."""
TIE_BREAK: Final = 0.1
"""Points that a nat of validation loss counts, since accuracies on few data are often equal."""

MakeSearcher = Callable[..., ArchitectureSearcher]
MakeScheduler = Callable[..., TrialScheduler]


@dataclass(frozen=True)
class Outcome:
    """One arm on one resample of a task."""

    test: float
    """Mean test points of three trainings on training and validation data."""
    parameters: int | None
    """Of the picked network; None outside networks."""
    cpu_seconds: float
    """What the search cost."""
    tests: list[float]
    """Test points of each retraining."""
    trials: int
    full: int
    """Trials that were trained to their end."""
    validation: float | None
    config: dict[str, Any] | None
    constant: float
    """Test points of the constant predictor."""


class Searches:
    """The searches of one resample; N's is kept for the small pick.

    Args:
        task: The resample.
        setting: Its space and hand-made network.
        seconds: CPU seconds of a search.
        seed: Seed of searchers and trainings.
        searcher: Makes the searcher of N and A.
        scheduler: Makes the scheduler of all.
    """

    def __init__(
        self,
        task: Task,
        setting: Setting,
        seconds: float,
        seed: int,
        searcher: MakeSearcher = RegularizedEvolution,
        scheduler: MakeScheduler = ASHAScheduler,
    ) -> None:
        self.task = task
        self.setting = setting
        self.seconds = seconds
        self.seed = seed
        self.epochs = task.epochs(seconds)
        self._searcher = searcher
        self._scheduler = scheduler
        self._found: History | None = None
        self._known: dict[str, list[float]] = {}

    def run(self, arm: str, h1_parameters: int | None = None) -> Outcome | None:
        """An arm's outcome; None if there is no network of half of H1's parameters.

        Args:
            arm: One of `ARMS`.
            h1_parameters: H1's parameters, for those of `NEED_H1`.
        """
        if arm == "T":
            return self._outside()
        if arm == "H0":
            return self._retrained(self.setting.h0, 0.0, 0, 0, None)
        if arm in NEED_H1:
            assert h1_parameters is not None
            by_arm = {"S": self._small, "W": self._narrow, "M": self._limited}
            return by_arm[arm](h1_parameters // 2)
        if arm == "K":
            return self._cautious()
        history = self._searched(arm)
        if arm == "N":
            self._found = history
        return self._picked(history) or self._failed(history)

    # The searches

    def _searched(self, arm: str) -> History:
        searches = {"H1": self._tuned, "R": self._random, "N": self._ours, "A": self._alone}
        return searches[arm]()

    def _tuned(self) -> History:
        h0 = self.setting.h0
        domains = {**hyperparameters(), "width": tune.choice(self.setting.widths)}
        first = {**{name: h0[name] for name in hyperparameters()}, "width": h0["arch"]["width"]}
        searcher = OptunaSearch(
            OptunaSearch.convert_search_space(domains),
            metric="score",
            mode="max",
            points_to_evaluate=[first],
            seed=self.seed,
        )
        return self._search(searcher, self._with_width)

    def _random(self) -> History:
        space = {"arch": self.setting.space, **hyperparameters()}
        searcher = RandomSearch(baseline=self._random_start(), **self._limits())
        searcher.set_search_properties("score", "max", space)
        return self._search(searcher, dict)

    def _ours(self) -> History:
        space = {"arch": self.setting.space, **hyperparameters()}
        searcher = self._searcher(baseline=self.setting.h0, **self._limits())
        searcher.set_search_properties("score", "max", space)
        return self._search(searcher, dict)

    def _alone(self) -> History:
        h0 = self.setting.h0
        searcher = self._searcher(baseline=h0, **self._limits())
        searcher.set_search_properties("score", "max", {"arch": self.setting.space})
        return self._search(searcher, lambda config: {**h0, **config})

    def _limits(self) -> dict[str, Any]:
        limits = {"flops": (None, self.setting.limit)}
        return {"costs": self.setting.costs, "constraints": limits, "seed": self.seed}

    def _random_start(self) -> dict[str, Any]:
        """A random network within the limit: R must not begin with the hand-made one."""
        space = JointSpace(None, {"arch": self.setting.space, **hyperparameters()})
        rng = np.random.default_rng(self.seed)
        while True:
            config = space.to_tune(space.sample(random_state=rng))
            if self.setting.costs(config)["flops"] <= self.setting.limit:
                return config

    def _with_width(self, config: dict[str, Any]) -> dict[str, Any]:
        architecture = {**self.setting.h0["arch"], "width": config["width"]}
        return {"arch": architecture, **{name: config[name] for name in hyperparameters()}}

    def _search(
        self, searcher: Searcher, complete: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> History:
        """Runs a search until its CPU seconds are used up.

        Args:
            searcher: Knows its metric and space.
            complete: Makes a config with `arch` and all hyperparameters of what it proposes.
        """
        rungs = self._rungs()
        clock = Clock()

        def objective(proposed: dict[str, Any]) -> Iterator[tuple[float, dict[str, float]]]:
            config = complete(proposed)
            torch.manual_seed(self.seed)
            network = build(self.setting.space, config)
            parameters = sum(parameter.numel() for parameter in network.parameters())
            for epoch in train(network, self.task.train, config, self.epochs, self.seed):
                if epoch in rungs:
                    points, loss = figures(network, self.task.val)
                    metrics = {"score": points - TIE_BREAK * min(loss, 10.0), "points": points}
                    metrics |= {"epoch": epoch, "parameters": parameters}
                    metrics["ninths"] = 9 * epoch / self.epochs
                    yield clock.passed(), metrics

        scheduler = self._scheduler(
            time_attr="epoch",
            metric="score",
            mode="max",
            max_t=self.epochs,
            grace_period=rungs[0],
            reduction_factor=REDUCTION,
        )
        history = simulate(objective, searcher, scheduler, max_seconds=self.seconds)
        for trial in history.trials:
            trial.config = complete(trial.config)
        return history

    def _rungs(self) -> list[int]:
        """The epochs at which ASHA decides, and the last one."""
        first = max(1, self.epochs // REDUCTION**2)
        rungs = [first * REDUCTION**power for power in range(3)]
        return [rung for rung in rungs if rung < self.epochs] + [self.epochs]

    # The picks

    def _picked(self, history: History, most: float = math.inf) -> Outcome | None:
        """The best trial of those trained longest, retrained.

        Args:
            history: The search.
            most: Parameters that it may have.
        """
        longest = self._longest(history, most)
        if not longest:
            return None
        return self._chosen(history, longest[0])

    def _longest(self, history: History, most: float = math.inf) -> list[VirtualTrial]:
        """The trials with so many parameters at most that were trained longest, best first."""
        usable = [
            trial
            for trial in history.trials
            if trial.error is None and trial.results and trial.results[-1]["parameters"] <= most
        ]
        last = max((trial.results[-1]["epoch"] for trial in usable), default=0)
        longest = [trial for trial in usable if trial.results[-1]["epoch"] == last]
        return sorted(longest, key=lambda trial: -trial.results[-1]["score"])

    def _chosen(self, history: History, trial: VirtualTrial) -> Outcome:
        """A trial of a search, retrained."""
        full = [
            one
            for one in history.trials
            if one.error is None and one.results and one.results[-1]["epoch"] == self.epochs
        ]
        points = trial.results[-1]["points"]
        return self._retrained(
            trial.config, history.seconds, len(history.trials), len(full), points
        )

    def _small(self, most: int) -> Outcome | None:
        """The best of N's networks with so many parameters at most."""
        return self._picked(self._ours_once(), most)

    def _cautious(self) -> Outcome | None:
        """N's pick if it leads H0 on validation data by more than a standard error, else H0."""
        history = self._ours_once()
        longest = self._longest(history)
        if not longest:
            return self._failed(history)
        best, h0 = longest[0], history.trials[0]
        if any(trial is h0 for trial in longest):
            points = [trial.results[-1]["points"] for trial in (best, h0)]
            if points[0] - points[1] <= self._standard_error(points):
                return self._chosen(history, h0)
        return self._chosen(history, best)

    def _standard_error(self, points: list[float]) -> float:
        """Of the difference of two networks' validation points, as if their data were not shared.

        Binomial for an accuracy; for R^2 that of Olkin & Finn (1995).
        """
        shares = [max(0.0, one / 100) for one in points]
        regression = self.task.source.is_regression
        variances = [4 * one * (1 - one) ** 2 if regression else one * (1 - one) for one in shares]
        return 100 * math.sqrt(sum(variances) / len(self.task.val[1]))

    def _ours_once(self) -> History:
        """N's search, run once for all arms that pick from it."""
        if self._found is None:
            self._found = self._ours()
        return self._found

    def _narrow(self, most: int) -> Outcome | None:
        """H0 at the largest width with so many parameters at most; no search."""
        config = self._widest(most)
        return None if config is None else self._retrained(config, 0.0, 0, 0, None)

    def _limited(self, most: int) -> Outcome | None:
        """As N, under a limit on parameters; a narrow H0 is the first trial."""
        config = self._widest(most)
        if config is None:
            return None
        limits = self._limits()
        limits["constraints"]["params"] = (None, most)
        searcher = self._searcher(baseline=config, **limits)
        space = {"arch": self.setting.space, **hyperparameters()}
        searcher.set_search_properties("score", "max", space)
        history = self._search(searcher, dict)
        return self._picked(history) or self._failed(history)

    def _widest(self, most: int) -> dict[str, Any] | None:
        h0 = self.setting.h0
        fitting = [
            config
            for width in sorted(self.setting.widths, reverse=True)
            for config in [{**h0, "arch": {**h0["arch"], "width": width}}]
            if self.setting.costs(config)["params"] <= most
        ]
        return fitting[0] if fitting else None

    def _retrained(
        self,
        config: dict[str, Any],
        seconds: float,
        trials: int,
        full: int,
        validation: float | None,
    ) -> Outcome:
        tests = self._tests(config)
        return Outcome(
            test=float(np.mean(tests)),
            parameters=int(self.setting.costs(config)["params"]),
            cpu_seconds=seconds,
            tests=tests,
            trials=trials,
            full=full,
            validation=validation,
            config=config,
            constant=constant(self.task.test, self.task.both),
        )

    def _tests(self, config: dict[str, Any]) -> list[float]:
        """Test points of the retrainings; a config that two arms pick is trained once."""
        key = json.dumps(config, sort_keys=True)
        if key not in self._known:
            seeds = [1_000 * (self.seed + 1) + number for number in range(RETRAININGS)]
            self._known[key] = [
                retrained(self.setting.space, config, self.task, self.epochs, seed)
                for seed in seeds
            ]
        return self._known[key]

    def _failed(self, history: History) -> Outcome:
        """A search without a single result: the constant predictor."""
        points = constant(self.task.test, self.task.both)
        trials = len(history.trials)
        return Outcome(points, 0, history.seconds, [points], trials, 0, None, None, points)

    def _outside(self) -> Outcome:
        found = pay_outside.search(self.task, self.seconds, self.seed)
        return Outcome(
            test=float(np.mean(found.tests)),
            parameters=None,
            cpu_seconds=found.cpu_seconds,
            tests=found.tests,
            trials=found.trials,
            full=found.trials,
            validation=found.validation,
            config=found.config,
            constant=constant(self.task.test, self.task.both),
        )


class Clock:
    """CPU seconds of this process since the last call."""

    def __init__(self) -> None:
        self._last = time.process_time()

    def passed(self) -> float:
        """The seconds since the last call, or since the clock was made."""
        now = time.process_time()
        passed, self._last = now - self._last, now
        return passed


def as_line(name: str, resample: int, arm: str, outcome: Outcome | None) -> dict[str, Any]:
    """An outcome as a line of the results file."""
    return {"task": name, "resample": resample, "arm": arm} | (asdict(outcome) if outcome else {})
