"""Search by gradients in one Tune trial."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray
import sign_of_a_sum
import torch
from ray import tune
from sign_of_a_sum import Net, arguments, finished
from torch import nn

from ray_nas.searchers import RegularizedEvolution
from ray_nas.sharing import differentiable_trainable
from ray_nas.sharing.differentiable.bilevel_search import BilevelSearch
from ray_nas.spaces import ModelSpace, NASBench201, ValueChoice

ray.cloudpickle.register_pickle_by_value(sign_of_a_sum)  # workers cannot import it


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"method": "pdarts"}, "method must be one of darts, gdas, drnas, got 'pdarts'"),
        ({"epochs": 0}, "epochs must be an integer >= 1, got 0"),
        ({"beta_decay": -1.0}, r"beta_decay must be a finite number >= 0, got -1\.0"),
        ({"warmup": 1.0}, r"warmup must be a finite number >= 0 and < 1, got 1\.0"),
        ({"max_skip_share": 0.0}, r"max_skip_share must be a finite number > 0 and <= 1, got 0\.0"),
    ],
)
def test_bad_arguments_are_named(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        differentiable_trainable(NASBench201(2, 1), **arguments(**changed))


def test_spaces_without_a_mixture_are_refused_before_a_trial() -> None:
    space = ModelSpace(lambda: nn.Linear(2, ValueChoice("width", [2, 4])))
    with pytest.raises(ValueError, match="'width', a ValueChoice"):
        differentiable_trainable(space, **arguments())


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::ResourceWarning")
def test_a_trial_that_dies_goes_on_and_its_architecture_is_a_point(
    ray_runtime: None, tmp_path: Path
) -> None:
    space = ModelSpace(Net)

    def dying(output: torch.Tensor, targets: torch.Tensor, marker: Path) -> torch.Tensor:
        trials = len(list(marker.parent.glob("run/*/checkpoint_000001")))
        if trials and not marker.exists():
            marker.touch()
            raise RuntimeError("killed")
        return nn.functional.cross_entropy(output, targets)

    trainable = differentiable_trainable(
        space, **arguments(loss=partial(dying, marker=tmp_path / "died"))
    )
    results = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space={"seed": 1, "method": "gdas"},
        run_config=tune.RunConfig(
            name="run",
            storage_path=str(tmp_path),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=1),
        ),
    ).fit()
    assert (tmp_path / "died").exists()
    expected = finished(BilevelSearch(space, **arguments(method="gdas")))[-1]
    assert {name: results[0].metrics[name] for name in expected} == expected
    point = json.loads(results[0].metrics["architecture"])
    assert RegularizedEvolution(space, "loss", "min", baseline=point).suggest("t0") == point
