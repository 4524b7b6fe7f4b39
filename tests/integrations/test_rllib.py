"""RLlib's PPO with a module whose network a space builds."""

from typing import Any

import pytest
from integration_page import run_section
from ray import tune

from ray_nas.searchers import RandomSearch
from ray_nas.spaces import PolicySpace

pytest.importorskip("gymnasium")
pytest.importorskip("tree")
pytestmark = pytest.mark.integration


def test_ppo(few_lines: Any) -> None:
    few_lines("RLlib")
    names = run_section("RLlib")
    results = names["results"]
    assert not results.errors, results.errors[0]
    archs = [result.config["_model_config"]["arch"] for result in results]
    for arch in archs:
        names["space"].validate(arch)
    assert archs[0] != archs[1]
    assert [result.metrics["training_iteration"] for result in results] == [2, 2]


def test_tune_does_not_look_into_rllibs_objects() -> None:
    """As the page says; should this begin to work, the page has to change."""
    from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig

    width = tune.choice([8, 16])
    inside = DefaultModelConfig(fcnet_hiddens=[width])
    tuner = tune.Tuner(
        lambda config: {"seen": float(isinstance(config["model"].fcnet_hiddens[0], int))},
        param_space={"model": inside, "arch": PolicySpace(4, 2)},
        tune_config=tune.TuneConfig(
            search_alg=RandomSearch(), metric="seen", mode="max", num_samples=1
        ),
    )
    (result,) = tuner.fit()
    assert result.metrics["seen"] == 0
