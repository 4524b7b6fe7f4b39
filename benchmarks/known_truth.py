"""Simulated trainings whose truth is known, for `verdict.py`: what configs are worth, and noise.

A config's worth is a sum of effects of its parameters and of one pair, with mean 0 and standard
deviation 1 over random configs. A training reports what it is worth plus noise.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    OrdinalHyperparameter,
    UniformFloatHyperparameter,
)

from ray_nas.report.evidence.trial_features import placer
from ray_nas.retraining.results import RetrainedTrial, Retraining
from ray_nas.spaces import SearchSpace

Config = Mapping[str, Any]
Worth = Callable[[Config], float]
Kind = Literal["noise", "planted", "control", "misled", "border", "overfit", "unbeaten"]

EPOCHS = 9


def mixed_space(unordered: int = 4, ordered: int = 3, options: int = 5) -> SearchSpace:
    """Choices of operations, ordered sizes, and a learning rate."""
    space = ConfigurationSpace()
    for place in range(unordered):
        space.add(CategoricalHyperparameter(f"op_{place}", ["conv", "pool", "skip", "attention"]))
    for place in range(ordered):
        space.add(OrdinalHyperparameter(f"width_{place}", [8 * 2**k for k in range(options)]))
    space.add(UniformFloatHyperparameter("lr", 1e-4, 1e-1, log=True))
    return SearchSpace(space)


@dataclass
class Task:
    """A space, what its configs are worth, and how trainings scatter."""

    space: SearchSpace
    kind: Kind
    seed: int
    noise: float = 0.5
    """Standard deviation of a training's result; that of worths is 1."""
    worth: Worth = field(init=False)
    early: Worth = field(init=False)
    """What decides the first two thirds of a training."""
    tested: Worth = field(init=False)
    """What a config is worth on test data."""
    baseline: dict[str, Any] = field(init=False)
    first_rung: int = 1

    def __post_init__(self) -> None:
        rng = np.random.default_rng([self.seed, 7])
        sample = self.space.sample(size=400, random_state=rng)
        pushed = self._ordered()[0] if self.kind == "border" else None
        self.worth = _standardised(effects(self.space, rng, pushed), sample)
        if self.kind == "noise":
            self.worth = lambda config: 0.0
        if self.kind == "planted":
            self.worth = planted(self.worth, self.space, rng, sample)
        self.early = self.tested = self.worth
        other = _standardised(effects(self.space, rng), sample)
        if self.kind == "misled":
            self.early = _correlated(other, self.worth, sample, -0.5)
        if self.kind == "overfit":
            self.tested = _scaled(self.worth, 0.1)
        self.baseline = dict(self._baseline(sample))

    def train(self, config: Config, rng: np.random.Generator) -> Iterator[tuple[float, Any]]:
        """Reports each of nine epochs, as an objective of `simulate`."""
        luck, habit, test_luck = rng.standard_normal(3)
        shared = 0.0 if self.kind == "overfit" else 0.5
        test_luck = shared * luck + (1 - shared**2) ** 0.5 * test_luck
        final, early, tested = self.worth(config), self.early(config), self.tested(config)
        for epoch in range(1, EPOCHS + 1):
            left = 1 - epoch / EPOCHS
            blend = float(np.clip((epoch / EPOCHS - 0.5) / 0.5, 0, 1))
            state = 80 - 30 * left + self.noise * left * habit
            value = blend * final + (1 - blend) * early + self.noise * luck
            value += 0.05 * rng.standard_normal()
            metrics = {"accuracy": state + value, "epoch": epoch}
            if self.kind != "noise":  # `tested` differs from `worth` in "overfit" alone
                test = tested if self.kind == "overfit" else blend * final + (1 - blend) * early
                metrics["test_accuracy"] = state - 1 + test + self.noise * test_luck
            yield 1.0, metrics

    def retrain(self, winner: str, config: Config, seeds: int = 3) -> Retraining:
        """The winner and the baseline with new seeds, on held-out data."""
        rng = np.random.default_rng([self.seed, 11])
        trials = [
            RetrainedTrial(
                name,
                dict(one),
                seed,
                {
                    "accuracy": 80 + self.worth(one) + self.noise * rng.standard_normal(),
                    "test_accuracy": 79 + self.tested(one) + self.noise * rng.standard_normal(),
                },
            )
            for name, one in ((winner, config), ("baseline", self.baseline))
            for seed in range(seeds)
        ]
        return Retraining(trials, "accuracy", "max", "test_accuracy", winner)

    def _baseline(self, sample: list[dict[str, Any]]) -> Config:
        """A network of average worth; in the case "unbeaten", the best by a long climb."""
        ranked = sorted(sample, key=self.worth)
        if self.kind != "unbeaten":
            return ranked[len(ranked) // 2]
        best = ranked[-1]
        rng = np.random.default_rng([self.seed, 13])
        for _ in range(400):
            best = max(best, self.space.mutate(best, rng), key=self.worth)
        return best

    def _ordered(self) -> list[str]:
        return [name for name, domain in self.space.domains.items() if domain.get("ordered")]


def effects(space: SearchSpace, rng: np.random.Generator, pushed: str | None = None) -> Worth:
    """A sum of effects; ordered parameters are best inside, but for `pushed`, best at the end."""
    domains = space.domains
    places = {name: placer(domain) for name, domain in domains.items()}
    tables: dict[str, Any] = {}
    for name, domain in domains.items():
        if domain.get("values") and not domain["ordered"]:
            tables[name] = dict(
                zip(domain["values"], rng.standard_normal(len(domain["values"])), strict=True)
            )
        else:
            tables[name] = (rng.uniform(0.3, 0.7), rng.uniform(2.0, 6.0))
    pair = sorted(domains)[:2]
    strength = rng.standard_normal(5)

    def worth(config: Config) -> float:
        total = 0.0
        for name, table in tables.items():
            place = None if isinstance(table, dict) else places[name](config.get(name))
            if isinstance(table, dict):
                total += table.get(config.get(name), 0.0)
            elif place is not None:
                total += 8.0 * place if name == pushed else -table[1] * (place - table[0]) ** 2
        digits = [sorted(map(str, domains[name].get("values", []))) for name in pair]
        if all(digits):
            found = [
                options.index(str(config[name]))
                for options, name in zip(digits, pair, strict=True)
                if name in config
            ]
            total += 0.5 * strength[sum(found) % 5]
        return float(total)

    return worth


def planted(
    worth: Worth, space: SearchSpace, rng: np.random.Generator, sample: list[dict[str, Any]]
) -> Worth:
    """Adds a config that is the best, and a slope that leads to it over its neighbours."""
    target = max((one for one in sample if not _at_border(space, one)), key=worth)

    def with_winner(config: Config) -> float:
        equal = np.mean([config.get(name) == value for name, value in target.items()])
        return worth(config) + 1.5 * float(equal)

    return with_winner


def _scaled(worth: Worth, factor: float) -> Worth:
    return lambda config: factor * worth(config)


def _standardised(worth: Worth, sample: list[dict[str, Any]]) -> Worth:
    values = np.array([worth(config) for config in sample])
    mean, spread = values.mean(), values.std()
    return lambda config: float((worth(config) - mean) / spread)


def _correlated(other: Worth, worth: Worth, sample: list[dict[str, Any]], target: float) -> Worth:
    """A mixture of both whose correlation with `worth` is `target` over the sample."""
    first = np.array([worth(config) for config in sample])
    second = np.array([other(config) for config in sample])
    slope = float(first @ second / (first @ first))
    rest = float((second - slope * first).std())

    def mixed(config: Config) -> float:
        own = (other(config) - slope * worth(config)) / rest
        return target * worth(config) + (1 - target**2) ** 0.5 * own

    return mixed


def _at_border(space: SearchSpace, config: Config) -> bool:
    places = {name: placer(domain)(config.get(name)) for name, domain in space.domains.items()}
    return any(place is not None and not 0.1 < place < 0.9 for place in places.values())
