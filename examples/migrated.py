"""A script for Tune and Optuna, migrated: lines that went begin with `# -`, new ones end in `# +`.

    python examples/migrated.py            # minutes on two cores
    python examples/migrated.py --quick    # less than one

The script tuned the width and the learning rate of a network for the table `banana` (5,300 points
of two classes, in river). Ten lines change, and it searches the depth, too. The former network
is the search's first trial; a linear model and the most frequent class stand beside.
"""

import argparse
import os
from typing import Any

import numpy as np
import ray
import torch
from ray import tune
from sklearn.linear_model import LogisticRegression
from torch import nn

from ray_nas.extras import extra
from ray_nas.retraining import retrain

# - from ray.tune.search.optuna import OptunaSearch
from ray_nas.searchers import Bananas  # +
from ray_nas.spaces import ModelSpace, Repeat, ValueChoice  # +

with extra("examples", package="river", needed_by="examples/migrated.py"):
    from river.datasets import Bananas as BananaTable


class Net(nn.Module):
    # - def __init__(self, width: int) -> None:
    def __init__(self) -> None:  # +
        super().__init__()
        width = ValueChoice("width", [8, 16, 32, 64, 128])  # + 1: choices in the model

        def layer(_: int) -> nn.Module:
            return nn.Sequential(nn.Linear(width, width), nn.ReLU())

        self.first = nn.Sequential(nn.Linear(2, width), nn.ReLU())
        # - self.hidden = layer(0)
        self.hidden = Repeat("depth", 1, 4, layer)  # +
        self.last = nn.Linear(width, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.hidden(self.first(x)))


space = ModelSpace(Net)  # +
former = {"net": space.complete({"width": 32}), "lr": 3e-3}  # +


def train(config: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(config["seed"])
    (x, y), validation, test = points()
    # - network = Net(config["width"])
    network = space.build(config["net"])  # +
    optimizer = torch.optim.AdamW(network.parameters(), config["lr"])
    for _ in range(config["epochs"]):
        for batch in torch.randperm(len(y)).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
            optimizer.step()
        report = {"accuracy": accuracy(network, validation)}
        if config["final"]:  # the search never sees the test points
            report["test_accuracy"] = accuracy(network, test)
        tune.report(report)


def search(trials: int, epochs: int, seed: int) -> str:
    tuner = tune.Tuner(
        train,
        param_space={
            # - "width": tune.choice([8, 16, 32, 64, 128]),
            "net": space,  # + 2: the space beside the hyperparameters
            "lr": tune.loguniform(1e-3, 3e-2),
            "epochs": epochs,
            "seed": seed,
            "final": False,
        },
        tune_config=tune.TuneConfig(
            # - search_alg=OptunaSearch(seed=seed),
            search_alg=Bananas(baseline=former, seed=seed),  # + 3
            metric="accuracy",
            mode="max",
            num_samples=trials,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(verbose=0),
    )
    return tuner.fit().experiment_path


def points() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Points and their classes: 800 to train, 500 to validate, 4,000 to test."""
    rows, labels = zip(*BananaTable(), strict=True)
    x = torch.tensor([list(row.values()) for row in rows], dtype=torch.float32)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return [(x[part], torch.tensor(labels).long()[part]) for part in order.split([800, 500, 4000])]


def accuracy(network: nn.Module, part: tuple[torch.Tensor, torch.Tensor]) -> float:
    with torch.no_grad():
        return (network(part[0]).argmax(1) == part[1]).float().mean().item()


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Searches, trains the winner and the former network again, and prints test figures."""
    parser = argparse.ArgumentParser(description="A Tune script, migrated.")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="3 trials of 1 epoch")
    options = parser.parse_args(arguments)
    trials, epochs, seeds = (3, 1, 1) if options.quick else (options.trials, 30, 3)
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # no banner
    if not ray.is_initialized():
        ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False)
    folder = search(trials, epochs, options.seed)
    again = retrain(folder, train, space=space, seeds=seeds, config={"final": True})
    (x, y), _, (test_x, test_y) = points()
    figures = {
        "winner": again.values(again.winner, "test_accuracy"),
        "hand_made": again.values("baseline", "test_accuracy"),
        "linear": [LogisticRegression().fit(x, y).score(test_x, test_y)],
        "trivial": [(test_y == y.mode().values).float().mean().item()],
    }
    print(f"accuracy on the test points, trained from scratch ({seeds} times):")
    for name, values in figures.items():
        print(f"  {name:9} {np.mean(values):.3f}  {np.round(values, 3)}")
    print(f"more about it: ray-nas report {folder}")
    return {name: float(np.mean(values)) for name, values in figures.items()}


if __name__ == "__main__":
    main()
