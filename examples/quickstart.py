"""Searches a network for MNIST-1D that needs no more multiply-adds than the published one.

    python examples/quickstart.py            # two to three minutes on two cores
    python examples/quickstart.py --quick    # less than a minute: too short to compare

Evolution is compared with random search, and with the published network (Greydanus, 2020,
https://arxiv.org/abs/2011.14439), whose width, learning rate and weight decay Optuna tunes. All
three train as many epochs, begin with the published network, and stop poor trials early with ASHA.
What each has found is trained from scratch, three times, and tested on series not used before.
One run is one draw of luck: `benchmarks/demo.py` repeats the comparison over 20 seeds.
"""

import argparse
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import ray
import torch
from mnist1d.data import get_dataset_args, make_dataset
from optuna.distributions import CategoricalDistribution, FloatDistribution
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch
from torch import nn

from ray_nas.cluster import ProgressLine
from ray_nas.estimators.cost import profile
from ray_nas.report import write_report
from ray_nas.retraining import retrain
from ray_nas.searchers import RandomSearch, RegularizedEvolution
from ray_nas.spaces import ModelSpace, Repeat, ValueChoice

LENGTH, CLASSES = 40, 10
MULTIPLY_ADDS = 32_000  # the limit; the published network has 31,875
BUDGET = 300  # epochs of one search, all of its trials together
EPOCHS, FINAL_EPOCHS, BATCH_SIZE = 9, 24, 100
RECIPE = {"lr": 2e-2, "decay": 1e-2, "epochs": EPOCHS}
WIDTHS = [4, 6, 8, 12, 16, 20, 25, 32]

optuna.logging.set_verbosity(optuna.logging.WARNING)

Part = tuple[torch.Tensor, torch.Tensor]


class Network(nn.Module):
    """One to five convolutions, each of its own width, kernel, dilation and stride."""

    def __init__(self) -> None:
        super().__init__()
        self.width, self.length = 1, LENGTH  # of the next convolution's input
        self.convolutions = Repeat("depth", 1, 5, self.convolution)
        self.head = ValueChoice("head", ["flatten", "mean", "max"])
        features = self.width * self.length if self.head == "flatten" else self.width
        self.linear = nn.Linear(features, CLASSES)

    def convolution(self, i: int) -> nn.Module:
        inputs, self.width = self.width, ValueChoice(f"width_{i}", WIDTHS)
        kernel = ValueChoice(f"kernel_{i}", [3, 5, 7, 9])
        dilation = ValueChoice(f"dilation_{i}", [1, 2, 4])
        stride = ValueChoice(f"stride_{i}", [1, 2])
        self.length = -(-self.length // stride)
        padding = dilation * (kernel // 2)
        convolution = nn.Conv1d(inputs, self.width, kernel, stride, padding, dilation, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm1d(self.width), nn.ReLU())

    def forward(self, series: torch.Tensor) -> torch.Tensor:
        values = self.convolutions(series)
        if self.head == "flatten":
            return self.linear(values.flatten(1))
        return self.linear(values.mean(2) if self.head == "mean" else values.amax(2))


space = ModelSpace(Network, input_shape=(1, LENGTH))


def published(width: int = 25) -> dict[str, Any]:
    """MNIST-1D's own convolutional network as a config of the space."""
    same = {"width": width, "kernel": 3, "dilation": 1, "stride": 2}
    layers = {f"{name}_{i}": value for i in range(3) for name, value in same.items()}
    return {"depth": 3, "head": "flatten", **layers, "kernel_0": 5}


def architecture(config: dict[str, Any]) -> dict[str, Any]:
    return published(config["width"]) if "width" in config else space.own_parameters(config)


def multiply_adds(config: dict[str, Any]) -> int:
    return profile(space.build(architecture(config)), (1, LENGTH)).multiply_adds


def series(seed: int) -> dict[str, Part]:
    """Series of MNIST-1D's generator: 3,000 to train, 1,000 to validate, 10,000 to test."""
    arguments = get_dataset_args()
    arguments.num_samples, arguments.train_split, arguments.seed = 14_000, 1.0, seed
    made = make_dataset(arguments)
    x, y = torch.tensor(made["x"], dtype=torch.float32)[:, None], torch.tensor(made["y"])
    parts = [(x[part], y[part]) for part in torch.arange(len(y)).split([3_000, 1_000, 10_000])]
    return dict(zip(["train", "validation", "test"], parts, strict=True))


def accuracy(network: nn.Module, part: Part) -> float:
    network.eval()
    with torch.no_grad():
        return (network(part[0]).argmax(1) == part[1]).float().mean().item()


def training(config: dict[str, Any], data: dict[str, Part]) -> Iterator[dict[str, Any]]:
    """Trains a network, and yields what to report after each epoch."""
    torch.set_num_threads(1)
    torch.manual_seed(config["seed"])
    x, y = data["train"]
    network = space.build(architecture(config))
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=config["decay"], fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config["lr"], epochs=config["epochs"], steps_per_epoch=len(y) // BATCH_SIZE
    )
    for epoch in range(1, config["epochs"] + 1):
        network.train()
        for batch in torch.randperm(len(y)).split(BATCH_SIZE):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
            optimizer.step()
            schedule.step()
        result = {"epoch": epoch, "accuracy": accuracy(network, data["validation"])}
        if epoch == FINAL_EPOCHS:  # no trial of a search comes so far
            result["test_accuracy"] = accuracy(network, data["test"])
        yield result


def train(config: dict[str, Any], data: dict[str, Part]) -> None:
    """The trainable: an ordinary Tune function."""
    for result in training(config, data):
        tune.report(result)


def test_accuracy(config: dict[str, Any], data: dict[str, Part], seed: int) -> float:
    """Of the network trained from scratch, for longer than in the search."""
    *_, last = training({**config, "epochs": FINAL_EPOCHS, "seed": seed}, data)
    return last["test_accuracy"]


def searchers(seed: int) -> dict[str, Any]:
    """The three searches, by name."""
    limited: dict[str, Any] = {
        "costs": lambda config: {"multiply_adds": multiply_adds(config)},
        "constraints": {"multiply_adds": (0, MULTIPLY_ADDS)},
        "baseline": published(),
        "seed": seed,
    }
    hyperparameters = {
        "width": CategoricalDistribution([4, 6, 8, 12, 16, 20, 25]),  # what the limit allows
        "lr": FloatDistribution(1e-3, 1e-1, log=True),
        "decay": FloatDistribution(1e-4, 1e-1, log=True),
    }
    first = {"width": 25, "lr": RECIPE["lr"], "decay": RECIPE["decay"]}
    return {
        "published network, tuned": OptunaSearch(
            hyperparameters, "accuracy", "max", points_to_evaluate=[first], seed=seed
        ),
        "random search": RandomSearch(space, "accuracy", "max", **limited),
        "evolution": RegularizedEvolution(space, "accuracy", "max", **limited),
    }


def scheduler() -> ASHAScheduler:
    return ASHAScheduler("epoch", max_t=EPOCHS, grace_period=2, reduction_factor=3)


class EpochBudget(tune.Stopper):
    """Ends a search when its trials have trained so many epochs together."""

    def __init__(self, budget: int) -> None:
        self.left = budget

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        self.left -= 1
        return False

    def stop_all(self) -> bool:
        return self.left <= 0


def search(name: str, trainable: Any, seed: int, budget: int) -> tuple[dict[str, Any], Path]:
    """The config of a search's best trial, and the search's folder."""
    analysis = tune.run(
        trainable,
        name=f"{name.split()[0]}_{time.strftime('%Y-%m-%d_%H-%M-%S')}",
        storage_path=str(Path("results").resolve()),
        config={**RECIPE, "seed": seed},
        search_alg=searchers(seed)[name],
        scheduler=scheduler(),
        metric="accuracy",
        mode="max",
        num_samples=-1,
        stop=EpochBudget(budget),
        reuse_actors=True,
        callbacks=[ProgressLine("epoch", budget)],
        verbose=0,
    )
    best = analysis.get_best_config(scope="last")
    return best, Path(analysis.experiment_path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="of data, searches and networks")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the epochs, one test")
    options = parser.parse_args()
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # with verbose=0: no tables of Tune's, one line of ours
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    ray.init(
        num_cpus=2,
        num_gpus=0,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.WARNING,
    )

    print(f"{space.size:,} networks, limit {MULTIPLY_ADDS:,} multiply-adds")
    data = series(options.seed)
    trainable = tune.with_parameters(train, data=data)
    found = {}
    for name in searchers(options.seed):
        print(name)
        budget = BUDGET // 20 if options.quick else BUDGET
        found[name] = search(name, trainable, options.seed, budget)

    seeds = 1 if options.quick else 3
    print(f"\ntest accuracy after training from scratch ({seeds} times, {FINAL_EPOCHS} epochs)")
    again = ray.remote(test_accuracy)
    for name, (config, _) in found.items():
        values = ray.get([again.remote(config, data, seed) for seed in range(seeds)])
        spread = f"{min(values):.3f} to {max(values):.3f}"
        cost = f"{multiply_adds(config):,} multiply-adds"
        print(f"{name:26s}{np.mean(values):.3f}  ({spread})  {cost}")

    folder, at_random = found["evolution"][1], found["random search"][1]
    if not options.quick:
        retrain(folder, trainable, space=space, config={"epochs": FINAL_EPOCHS})
    page = folder / "report.html"
    write_report(folder, page, space=space, random_search=at_random, time_attr="epoch")
    print(f"report: {page}")


if __name__ == "__main__":
    main()
