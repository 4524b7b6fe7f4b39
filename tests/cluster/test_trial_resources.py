"""Shares of GPUs: the arithmetic, and trials of mixed size on two logical GPUs under real Tune."""

import math
import pickle
import time
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import tune
from torch import nn

from ray_nas.cluster import ResourcesFor, resources_for
from ray_nas.searchers import RandomSearch
from ray_nas.spaces import ModelSpace, ValueChoice

BATCH, INPUTS = 4, 4_000


class Net(nn.Module):
    """Memory grows with the width: parameters, their gradients and AdamW's state."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(INPUTS, ValueChoice("width", list(range(1, 101))), bias=False)

    def forward(self, x: Any) -> Any:
        return self.layer(x)


SPACE = ModelSpace(Net)
WIDTH_BYTES = 4 * 4 * INPUTS + BATCH * 4
"""Bytes for each unit of width: weights, gradients, two moments; outputs."""
FIXED = BATCH * INPUTS * 4 + 4
"""The input, and AdamW's step."""


def share(width: int, gpu_memory: Any, **arguments: Any) -> dict[str, float]:
    resources = resources_for(SPACE, (INPUTS,), BATCH, gpu_memory, **{"headroom": 0.0, **arguments})
    return resources({"width": width}).required_resources


def test_shares_are_tenths_rounded_up() -> None:
    memory = 100 * WIDTH_BYTES + FIXED
    assert share(1, memory) == {"CPU": 1, "GPU": 0.1}
    assert share(45, memory) == {"CPU": 1, "GPU": 0.5}
    assert share(100, memory, cpus=0.5) == {"CPU": 0.5, "GPU": 1.0}
    assert share(45, memory, headroom=0.2)["GPU"] == 0.6
    assert share(45, memory, process_memory=0.3 * memory)["GPU"] == 0.8


def test_what_one_gpu_cannot_hold_gets_several_whole_ones() -> None:
    resources = resources_for(convolutions(), (3, 32, 32), 64, 3 * 2**20, headroom=0.0)
    cost = resources.cost.profile({"width": 16})
    gpus = resources({"width": 16}).required_resources["GPU"]
    assert gpus == int(gpus) > 1
    assert (
        cost.fixed_bytes + cost.activation_bytes / gpus
        <= 3 * 2**20
        < cost.fixed_bytes + cost.activation_bytes / (gpus - 1)
    )


def test_too_large_is_a_clear_error_and_a_cost() -> None:
    resources = resources_for(SPACE, (INPUTS,), BATCH, 50 * WIDTH_BYTES, max_gpus=2)
    with pytest.raises(
        ValueError,
        match=r"more than max_gpus = 2 GPUs of 3\.1 MiB hold.*"
        r"constraints=\{'gpus': \(None, 2\)\}.*'width': 100",
    ):
        resources({"width": 100})
    assert resources.costs({"width": 100})["gpus"] == math.inf
    assert resources.costs({"width": 1})["gpus"] == 0.1
    searcher = RandomSearch(
        SPACE, "accuracy", "max", costs=resources.costs, constraints={"gpus": (None, 2)}, seed=0
    )
    for number in range(8):
        assert resources(searcher.suggest(str(number))).required_resources["GPU"] <= 2  # type: ignore[arg-type]


def convolutions() -> ModelSpace:
    class Convolution(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Conv2d(3, ValueChoice("width", [8, 16]), 3), nn.ReLU())

        def forward(self, x: Any) -> Any:
            return self.layers(x)

    return ModelSpace(Convolution)


def test_a_workers_bundle_holds_its_part_of_the_batch() -> None:
    memory = 60 * 2**20
    whole = resources_for(convolutions(), (3, 64, 64), 256, memory, cpus=3)
    quarter = resources_for(convolutions(), (3, 64, 64), 64, memory, cpus=3)
    config = {"width": 16}
    assert whole(config).required_resources["GPU"] > 1
    bundle = whole.per_worker(config, 4)
    assert bundle == quarter(config).required_resources == {"CPU": 3, "GPU": bundle["GPU"]}
    assert 0.1 < bundle["GPU"] <= 1
    fitting = whole.costs(config)["gpus"]
    assert whole.per_worker(config, int(fitting))["GPU"] <= 1
    message = rf"num_workers = {int(fitting) - 1} GPUs of 60\.0 MiB.*'gpus': \(None, "
    with pytest.raises(ValueError, match=message):
        whole.per_worker(config, int(fitting) - 1)
    with pytest.raises(ValueError, match="num_workers must be an integer >= 1, got 0"):
        whole.per_worker(config, 0)


def test_the_smallest_type_that_holds_it() -> None:
    types = {"A100": 100 * WIDTH_BYTES + FIXED, "T4": 40 * WIDTH_BYTES + FIXED}
    assert share(20, types) == {"CPU": 1, "GPU": 0.6, "accelerator_type:T4": 0.001}
    assert share(50, types) == {"CPU": 1, "GPU": 0.6, "accelerator_type:A100": 0.001}
    resources = resources_for(SPACE, (INPUTS,), BATCH, types, headroom=0.0)
    assert "accelerator_type:T4" in resources.per_worker({"width": 20}, 2)


def test_nested_configs_and_pickles() -> None:
    resources: ResourcesFor = pickle.loads(
        pickle.dumps(resources_for(SPACE, (INPUTS,), BATCH, 2**22, key="arch"))
    )
    assert resources({"arch": {"width": 3}, "lr": 0.1}).required_resources["GPU"] == 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(
            (
                {"gpu_memory": wrong},
                rf"gpu_memory \(bytes\) must be a finite number >= 1,048,576, got {wrong!r}",
            )
            for wrong in (0, 0.5, 16, 81_559, "16GB", None, math.nan, math.inf)
        ),
        (
            {"gpu_memory": {}},
            "gpu_memory must be bytes of one GPU, "
            "or bytes by accelerator type of at least one, got {}",
        ),
        (
            {"gpu_memory": {"A100": 40e9, "T4": 16}},
            r"gpu_memory\['T4'\] \(bytes\) must be a finite number >= 1,048,576, got 16",
        ),
        *(
            ({"cpus": wrong}, f"cpus must be a finite number >= 0, got {wrong!r}")
            for wrong in (-1, math.nan, math.inf, "2")
        ),
        *(
            ({"headroom": wrong}, f"headroom must be a finite number >= 0, got {wrong!r}")
            for wrong in (-0.1, math.nan, math.inf)
        ),
        *(
            (
                {"process_memory": wrong},
                r"process_memory \(bytes, where not 0\) must be a finite number "
                rf">= 1,048,576, got {wrong!r}",
            )
            for wrong in (-1, 0.1, 500, math.nan, math.inf, None)
        ),
        *(
            ({"max_gpus": wrong}, f"max_gpus must be an integer >= 1, got {wrong!r}")
            for wrong in (0, 1.5, math.inf, None)
        ),
        ({"batch_size": 0}, "batch_size must be an integer >= 1, got 0"),
        ({"input_shape": 100}, "input_shape must be the sizes of one input"),
        ({"optimizer": "adam"}, "optimizer must be None or make a"),
    ],
)
def test_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resources_for(
            **{
                "space": SPACE,
                "input_shape": (INPUTS,),
                "batch_size": BATCH,
                "gpu_memory": 1e9,
                **arguments,
            }
        )


def occupying(folder: Path) -> type[tune.Trainable]:
    class Occupy(tune.Trainable):
        """Holds its share until three trials run at once, and reports where and when it ran."""

        def setup(self, config: dict) -> None:
            self.begin = time.time()

        def step(self) -> dict:
            (folder / f"started {self.trial_id}").touch()
            while len(list(folder.iterdir())) < 3:
                time.sleep(0.1)
            gpus = ",".join(map(str, ray.get_gpu_ids()))
            return {
                "accuracy": 0.0,
                "begin": self.begin,
                "end": time.time(),
                "gpus": gpus,
                "done": True,
            }

        def save_checkpoint(self, folder: str) -> dict:
            return {}

        def load_checkpoint(self, state: dict) -> None:
            return None

    return Occupy


@pytest.mark.usefixtures("runtime")
def test_mixed_sizes_fill_the_gpus_and_never_more(tmp_path: Path) -> None:
    memory = 100 * WIDTH_BYTES + FIXED
    resources = resources_for(SPACE, (INPUTS,), BATCH, memory, cpus=0.1, headroom=0.0)
    widths = [58, 39, 57, 38]  # 0.6 0.4 0.6 0.4: four at a time, two on each GPU
    first, *others = [{"width": width} for width in widths]
    searcher = RandomSearch(
        SPACE, "accuracy", "max", baseline=first, points_to_evaluate=others, seed=1
    )
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    results = tune.Tuner(
        tune.with_resources(occupying(meeting), resources),
        tune_config=tune.TuneConfig(
            search_alg=searcher, num_samples=4, trial_dirname_creator=lambda trial: trial.trial_id
        ),
        run_config=tune.RunConfig(name="run", storage_path=str(tmp_path), verbose=0),
    ).fit()
    assert not results.errors
    runs = [
        (result.metrics, resources(result.config).required_resources["GPU"], result.config["width"])
        for result in results
    ]
    assert sorted(gpu for _, gpu, _ in runs) == [0.4, 0.4, 0.6, 0.6]
    most = 0
    for now, _, _ in runs:
        at_once = [run for run in runs if run[0]["begin"] <= now["begin"] < run[0]["end"]]
        most = max(most, len(at_once))
        for device in "01":
            estimate = sum(
                resources.cost.profile({"width": width}).peak_memory_bytes
                for metrics, _, width in at_once
                if metrics["gpus"] == device
            )
            assert estimate <= memory
    assert most >= 3  # one below the possible four
