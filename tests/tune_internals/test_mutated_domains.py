"""Population based training's mutations; fails when Ray changes what is relied on."""

import inspect
from typing import Any

import pytest
from ray import tune
from ray.tune.schedulers import ASHAScheduler, PopulationBasedTraining
from ray.tune.search.sample import Categorical, Float

from ray_nas.tune_internals import mutated_domains as module
from ray_nas.tune_internals.mutated_domains import mutated_domains


def seen_by(scheduler: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is found while a stand-in for `tune.run` has this scheduler."""

    def run(scheduler: Any) -> list[str]:
        return mutated_domains(Float)

    monkeypatch.setattr(module.tune, "run", run)
    return run(scheduler)


def test_ray_still_has_what_is_relied_on() -> None:
    assert "scheduler" in inspect.signature(inspect.unwrap(tune.run)).parameters


def test_domains_of_the_kind_are_named_with_their_path(monkeypatch: pytest.MonkeyPatch) -> None:
    mutations = {
        "lr": tune.uniform(0, 1),
        "optimizer": {"momentum": tune.uniform(0, 1), "name": tune.choice(["sgd", "adam"])},
    }
    scheduler = PopulationBasedTraining(
        metric="accuracy", mode="max", hyperparam_mutations=mutations
    )
    assert isinstance(mutations["optimizer"]["name"], Categorical)
    assert seen_by(scheduler, monkeypatch) == ["lr", "optimizer.momentum"]


def test_other_schedulers_mutate_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen_by(ASHAScheduler(), monkeypatch) == []
    assert mutated_domains(Float) == []
