"""Ray's population based training refuses spaces as mutations."""

from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.schedulers import PopulationBasedTraining

from ray_nas.spaces import NASBench201

pytestmark = pytest.mark.usefixtures("ray_runtime")


def train(config: dict) -> None:
    tune.report({"accuracy": 1.0})


@pytest.mark.parametrize(
    ("mutations", "param_space", "name"),
    [
        (lambda space: {"arch": space}, lambda space: {"arch": space}, "'arch'"),
        (
            lambda space: {"model": {"arch": space}},
            lambda space: {"model": {"arch": space}},
            "'model.arch'",
        ),
        (lambda space: {"arch": space}, lambda space: {"lr": 0.1}, "'arch'"),
    ],
)
def test_a_space_among_the_mutations_is_refused(
    cells: NASBench201, tmp_path: Path, mutations: Any, param_space: Any, name: str
) -> None:
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=1,
        hyperparam_mutations=mutations(cells),
        require_attrs=False,
    )
    tuner = tune.Tuner(
        train,
        param_space=param_space(cells),
        tune_config=tune.TuneConfig(
            scheduler=scheduler,
            metric="accuracy",
            mode="max",
            num_samples=2,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(name="run", storage_path=str(tmp_path), verbose=0),
    )
    with pytest.raises(
        ValueError, match=rf"hyperparam_mutations\[{name}\] is a space.*custom_explore_fn"
    ):
        tuner.fit()
    assert not list(tmp_path.rglob("result.json"))


def test_other_mutations_are_accepted(cells: NASBench201, tmp_path: Path) -> None:
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=1,
        hyperparam_mutations={"lr": tune.uniform(0, 1)},
    )
    results = tune.Tuner(
        train,
        param_space={"arch": cells, "lr": tune.uniform(0, 1)},
        tune_config=tune.TuneConfig(
            scheduler=scheduler, metric="accuracy", mode="max", num_samples=2, reuse_actors=True
        ),
        run_config=tune.RunConfig(name="run", storage_path=str(tmp_path), verbose=0),
    ).fit()
    assert results.num_errors == 0
