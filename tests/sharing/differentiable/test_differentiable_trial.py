"""Search by gradients in one Tune trial."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from ray import tune
from torch import nn

from ray_nas.searchers import RegularizedEvolution
from ray_nas.sharing import differentiable_trainable
from ray_nas.sharing.differentiable.bilevel_search import BilevelSearch
from ray_nas.spaces import InputChoice, LayerChoice, ModelSpace, NASBench201, ValueChoice

torch.set_num_threads(1)

Pair = tuple[torch.Tensor, torch.Tensor]


class Blur(nn.Module):
    """Forgets what its input is."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(0, keepdim=True).expand_as(x)


class Net(nn.Module):
    """What passes the entries on can tell their sign; the rest knows nothing of them."""

    def __init__(self) -> None:
        super().__init__()
        self.source = InputChoice("source", ["zeros", "entries"])
        self.first = nn.Linear(2, 8)
        self.layer = LayerChoice(
            "layer", {"blur": Blur, "skip": nn.Identity, "linear": nn.Linear(8, 8)}
        )
        self.last = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.layer(self.first(self.source([torch.zeros_like(x), x]))))


def parts(number: int = 256) -> tuple[Pair, Pair]:
    x = torch.randn(2 * number, 2, generator=torch.Generator().manual_seed(0))
    y = (x.sum(1) > 0).long()
    return (x[:number], y[:number]), (x[number:], y[number:])


def arguments(**changed: Any) -> dict[str, Any]:
    train, val = parts()
    settings = {
        "train_data": train,
        "val_data": val,
        "loss": nn.functional.cross_entropy,
        "method": "darts",
        "epochs": 4,
        "batch_size": 64,
        "learning_rate": 0.1,
        "weight_decay": 3e-4,
        "alpha_learning_rate": 0.05,
        "alpha_weight_decay": 1e-3,
        "warmup": 0.3,
        "beta_decay": 0.0,
        "max_skip_share": 1.0,
        "seed": 1,
    }
    return {**settings, **changed}


def finished(search: BilevelSearch) -> list[dict[str, Any]]:
    rows = []
    while not search.done:
        rows.append(search.epoch())
    return rows


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
    assert (
        RegularizedEvolution(space, "loss", "min", points_to_evaluate=[point]).suggest("t0")
        == point
    )
