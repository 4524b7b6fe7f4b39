"""Tune's own schedulers, wrappers, trainables, stoppers and loggers, with a searcher of ours."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from integration_page import ROOT
from ray import tune
from ray.tune import schedulers, stopper
from ray.tune.logger import CSVLoggerCallback, JsonLoggerCallback
from ray.tune.search import ConcurrencyLimiter, Repeater

from ray_nas.record import TrialRecord, load
from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import MLPSpace

pytestmark = pytest.mark.integration

SPACE = MLPSpace(8, 1, max_layers=3, widths=(8, 16, 32))
LENGTH = 4
"""Reports of a trial that is not stopped."""


class Training(tune.Trainable):
    """Counts the parameters of its network, fewer being better; no training at all."""

    def setup(self, config: dict[str, Any], power: int = 1) -> None:
        network = SPACE.build(config["arch"])
        self.loss = float(sum(tensor.numel() for tensor in network.parameters())) ** power

    def step(self) -> dict[str, Any]:
        epoch = self.iteration + 1
        return {"loss": self.loss / epoch, "epoch": epoch, "done": epoch >= LENGTH}

    def save_checkpoint(self, folder: str) -> dict[str, Any]:
        return {"loss": self.loss}

    def load_checkpoint(self, state: dict[str, Any]) -> None:
        self.loss = state["loss"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True


def function(config: dict[str, Any], power: int = 1) -> None:
    training = Training.__new__(Training)
    training.setup(config, power)
    for epoch in range(1, LENGTH + 1):
        tune.report({"loss": training.loss / epoch, "epoch": epoch})


def evolution(**arguments: Any) -> RegularizedEvolution:
    return RegularizedEvolution(
        population_size=2, tournament_size=2, seed=0, metric="loss", mode="min", **arguments
    )


def search(
    folder: Path,
    trainable: Any = Training,
    *,
    search_alg: Any = None,
    num_samples: int = 4,
    run: dict[str, Any] | None = None,
    reuse_actors: bool = True,
    **settings: Any,
) -> tuple[tune.ResultGrid, list[TrialRecord]]:
    """Searches; returns Tune's results, and the searcher's record of the trials."""
    tuner = tune.Tuner(
        trainable,
        param_space={"arch": SPACE},
        tune_config=tune.TuneConfig(
            search_alg=search_alg or evolution(),
            metric="loss",
            mode="min",
            num_samples=num_samples,
            reuse_actors=reuse_actors,
            trial_dirname_creator=lambda trial: trial.trial_id,
            **settings,
        ),
        run_config=tune.RunConfig(name="run", storage_path=str(folder), verbose=0, **run or {}),
    )
    results = tuner.fit()
    assert not results.errors, results.errors[0]
    return results, list(load(folder / "run").trials.values())


def check_all_reported(results: tune.ResultGrid, trials: list[TrialRecord]) -> None:
    """The record has each of Tune's trials, with its last loss, and an end."""
    last = {result.metrics["trial_id"]: result.metrics["loss"] for result in results}
    assert {trial.trial_id: trial.metrics["loss"] for trial in trials} == pytest.approx(last)
    assert {trial.status for trial in trials} == {"completed"}


def more_cpus(controller: Any, trial: Any, result: dict[str, Any], scheduler: Any) -> Any:
    return tune.PlacementGroupFactory([{"CPU": 2 if result["epoch"] > 1 else 1}])


SCHEDULERS: dict[str, Callable[[], Any]] = {
    "ASHA": lambda: schedulers.ASHAScheduler(
        time_attr="epoch", max_t=LENGTH, grace_period=1, reduction_factor=2
    ),
    "HyperBand": lambda: schedulers.HyperBandScheduler(
        time_attr="epoch", max_t=LENGTH, reduction_factor=2
    ),
    "HyperBandForBOHB": lambda: schedulers.HyperBandForBOHB(
        time_attr="epoch", max_t=LENGTH, reduction_factor=2
    ),
    "MedianStopping": lambda: schedulers.MedianStoppingRule(
        time_attr="epoch", grace_period=1, min_samples_required=1
    ),
    "ResourceChanging": lambda: schedulers.ResourceChangingScheduler(
        schedulers.FIFOScheduler(), more_cpus
    ),
}
STOPS_EARLY = ("ASHA", "MedianStopping")
NEVER_STOPS = ("ResourceChanging",)  # HyperBand drops trials if a bracket fills before it halves


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers(name: str, tmp_path: Path) -> None:
    results, trials = search(
        tmp_path,
        scheduler=SCHEDULERS[name](),
        num_samples=10,  # three brackets of HyperBand
        reuse_actors=name != "ResourceChanging",
    )
    check_all_reported(results, trials)
    lengths = [trial.metrics["epoch"] for trial in trials]
    assert max(lengths) == LENGTH
    if name in STOPS_EARLY:
        assert min(lengths) < LENGTH
    if name in NEVER_STOPS:
        assert min(lengths) == LENGTH


def test_population_based_training_allows_no_searcher(tmp_path: Path) -> None:
    scheduler = schedulers.PopulationBasedTraining(
        time_attr="epoch", hyperparam_mutations={"lr": [0.1, 0.2]}
    )
    with pytest.raises(ValueError, match="Search algorithms cannot be used with"):
        search(tmp_path, scheduler=scheduler)


def test_concurrency_limiter(tmp_path: Path) -> None:
    limited = ConcurrencyLimiter(evolution(), max_concurrent=1)
    results, trials = search(tmp_path, search_alg=limited)
    check_all_reported(results, trials)
    assert "mutation" in {trial.move for trial in trials}


def test_repeater(tmp_path: Path) -> None:
    results, trials = search(tmp_path, search_alg=Repeater(evolution(), repeat=2), num_samples=4)
    assert (len(results), len(trials)) == (4, 2)
    for trial in trials:
        equal = [one for one in results if one.config["arch"].items() == arch(trial).items()]
        assert len(equal) == 2
        assert trial.metrics["loss"] == pytest.approx(equal[0].metrics["loss"])


def arch(trial: TrialRecord) -> dict[str, Any]:
    return {name.removeprefix("arch."): value for name, value in trial.config.items()}


TRAINABLES: dict[str, Callable[[], Any]] = {
    "function": lambda: function,
    "class": lambda: Training,
    "function with_parameters": lambda: tune.with_parameters(function, power=2),
    "class with_parameters": lambda: tune.with_parameters(Training, power=2),
    "with_resources": lambda: tune.with_resources(Training, {"CPU": 2}),
}


@pytest.mark.parametrize("name", TRAINABLES)
def test_trainables(name: str, tmp_path: Path) -> None:
    results, trials = search(tmp_path, TRAINABLES[name](), num_samples=3)
    check_all_reported(results, trials)
    assert [len(trial.reports) for trial in trials] == [LENGTH] * 3


STOPPERS: dict[str, Callable[[], Any]] = {
    "MaximumIteration": lambda: stopper.MaximumIterationStopper(2),
    "Function": lambda: stopper.FunctionStopper(lambda trial_id, result: result["epoch"] == 2),
    "TrialPlateau": lambda: stopper.TrialPlateauStopper(
        "loss", std=1e9, num_results=2, grace_period=2
    ),
    "ExperimentPlateau": lambda: stopper.ExperimentPlateauStopper(
        "loss", std=1e9, top=2, mode="min"
    ),
    "Timeout": lambda: stopper.TimeoutStopper(3600),
    "Noop": stopper.NoopStopper,
    "Combined": lambda: stopper.CombinedStopper(
        stopper.NoopStopper(), stopper.MaximumIterationStopper(2)
    ),
}
STOPS_AT_TWO = ("MaximumIteration", "Function", "TrialPlateau", "Combined")


@pytest.mark.parametrize("name", STOPPERS)
def test_stoppers(name: str, tmp_path: Path) -> None:
    results, trials = search(tmp_path, num_samples=3, run={"stop": STOPPERS[name]()})
    if name == "ExperimentPlateau":  # ends the experiment
        assert {trial.status for trial in trials} <= {"completed", "unfinished"}
        assert sum(len(trial.reports) for trial in trials) < 3 * LENGTH
        return
    check_all_reported(results, trials)
    length = 2 if name in STOPS_AT_TWO else LENGTH
    assert [trial.metrics["epoch"] for trial in trials] == [length] * 3


def test_csv_and_json(tmp_path: Path) -> None:
    callbacks = [CSVLoggerCallback(), JsonLoggerCallback()]
    results, _ = search(tmp_path, num_samples=2, run={"callbacks": callbacks})
    for result in results:
        folder = Path(result.path)
        rows = list(csv.DictReader((folder / "progress.csv").read_text().splitlines()))
        lines = [json.loads(line) for line in (folder / "result.json").read_text().splitlines()]
        assert [float(row["loss"]) for row in rows] == [line["loss"] for line in lines]
        assert len(rows) == LENGTH
        assert [line["config"]["arch"] for line in lines] == [result.config["arch"]] * LENGTH
        assert json.loads((folder / "params.json").read_text())["arch"] == result.config["arch"]


def test_the_page_names_what_is_tested() -> None:
    page = (ROOT / "docs/integrations.md").read_text()
    for name in [*SCHEDULERS, *STOPPERS]:
        assert f"`{name}" in page
