"""What `ray-nas simulate` runs: an objective, a space, a searcher and virtual workers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace
from ray.tune.schedulers import ASHAScheduler

from ray_nas.cli.tune_experiment import as_space, searcher_class
from ray_nas.extras import extra
from ray_nas.simulation import (
    History,
    NASBench201Objective,
    TabularObjective,
    VirtualCluster,
    simulate,
)
from ray_nas.simulation.virtual_controller import Objective
from ray_nas.spaces import NASBench201

NASBENCH201: Final = "nasbench201:"


@dataclass(frozen=True)
class Task:
    """What is searched."""

    objective: Objective
    space: Any
    """None if the user has to name it."""


@dataclass(frozen=True)
class Columns:
    """The columns of a table that are used."""

    parameters: Sequence[str]
    metric: str
    fidelity: str | None
    seconds: str | None


@dataclass(frozen=True)
class Settings:
    """How it is searched."""

    searcher: str
    metric: str
    mode: str
    max_trials: int
    max_seconds: float | None
    num_workers: int
    nodes: Sequence[Mapping[str, float]]
    """Resources of each node of a virtual cluster; empty for `num_workers` workers."""
    resources: Mapping[str, float]
    """Of a trial on a virtual cluster."""
    mean_uptime: float | None
    asha: tuple[str, int] | None
    seed: int | None
    output: str | None
    """Folder for the record."""


@dataclass(frozen=True)
class Outcome:
    """What was found."""

    history: History
    settings: Settings

    def as_json(self) -> dict[str, Any]:
        """The outcome as JSON values."""
        best = self.history.best
        return {
            "searcher": self.settings.searcher,
            "trials": len(self.history.trials),
            "seconds": self.history.seconds,
            "utilization": dict(self.history.utilization),
            "best": {
                "trial": best.trial_id,
                "config": best.config,
                "metrics": {self.settings.metric: best.metrics[self.settings.metric]},
            },
            "experiment": self.settings.output,
        }

    def lines(self) -> list[str]:
        """The outcome as text."""
        best, metric = self.history.best, self.settings.metric
        hours = self.history.seconds / 3600
        config = " ".join(f"{name}={value}" for name, value in best.config.items())
        lines = [
            f"{self.settings.searcher}: {len(self.history.trials)} trials in "
            f"{hours:.4g} virtual hours",
            f"best {metric} {best.metrics[metric]:.6g}: {config}",
        ]
        if self.history.utilization:
            shares = (f"{name} {share:.0%}" for name, share in self.history.utilization.items())
            lines.append(f"in use: {', '.join(shares)}")
        if self.settings.output is not None:
            lines.append(f"more: ray-nas show {self.settings.output}")
        return lines


def nasbench201_task(name: str) -> Task:
    """The cells of NAS-Bench-201 for `nasbench201:DATASET`."""
    objective = NASBench201Objective(name.removeprefix(NASBENCH201))
    return Task(objective, NASBench201())


def table_task(file: str, columns: Columns) -> Task:
    """A CSV file of trainings; the space has the values that are in it.

    Raises:
        ImportError: pandas is not installed.
        ValueError: A column is missing.
    """
    with extra("bench", package="pandas", needed_by="a CSV file"):
        import pandas
    frame = pandas.read_csv(file)
    names = list(columns.parameters)
    objective = TabularObjective(
        frame, names, [columns.metric], seconds=columns.seconds, fidelity=columns.fidelity
    )
    space = ConfigurationSpace()
    for name in names:
        values = frame[name].drop_duplicates().tolist()
        space.add(CategoricalHyperparameter(name, values))
    return Task(objective, space)


def run(objective: Objective, space: Any, settings: Settings) -> Outcome:
    """Simulates the search.

    Raises:
        ValueError: An argument breaks a rule, or no trial has a result.
    """
    searcher = searcher_class(settings.searcher)(
        as_space(space), settings.metric, settings.mode, seed=settings.seed
    )
    asha = settings.asha
    cluster = None
    if settings.nodes:
        nodes, resources = list(settings.nodes), settings.resources
        cluster = VirtualCluster(
            nodes, resources, mean_uptime=settings.mean_uptime, seed=settings.seed
        )
    history = simulate(
        objective,
        searcher,
        ASHAScheduler(time_attr=asha[0], max_t=asha[1]) if asha else None,
        num_workers=settings.num_workers,
        cluster=cluster,
        max_trials=settings.max_trials,
        max_seconds=settings.max_seconds,
        seed=settings.seed,
    )
    if settings.output is not None:
        folder = Path(settings.output)
        folder.mkdir(parents=True, exist_ok=True)
        searcher.save(str(folder / "searcher-state-simulated.json"))
    return Outcome(history, settings)
