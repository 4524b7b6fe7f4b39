"""Searches a network for a table: what a patch of an outdoor photograph shows, of seven things.

    python examples/tables.py            # minutes on two cores
    python examples/tables.py --quick    # less than one

The table `segment`, 2,310 rows of 18 numbers, comes with river. The MLP by hand (`space.baseline`)
is the search's first trial. The winner and it are then trained from scratch and tested, beside
scikit-learn's gradient boosting and the most frequent class.
"""

import argparse
import os
from typing import Any

import numpy as np
import ray
import torch
from ray import tune
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import nn

from ray_nas.cluster import ProgressLine
from ray_nas.extras import extra
from ray_nas.retraining import retrain
from ray_nas.searchers import Bananas
from ray_nas.spaces import TabularSpace

with extra("examples", package="river", needed_by="examples/tables.py"):
    from river.datasets import ImageSegments

# 1: a space in place of the network
space = TabularSpace(18, 7, widths=[32, 64, 128, 256], max_blocks=3, ensembles=[1, 4])


def search(trials: int, epochs: int, seed: int) -> str:
    """An ordinary Tune experiment; returns its folder."""
    searcher = Bananas(space, seed=seed)  # 2: the space goes to a searcher
    tuner = tune.Tuner(
        train,
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


def train(config: dict[str, Any]) -> None:
    """The trainable: trains a network and reports its accuracy after each epoch."""
    torch.set_num_threads(1)
    torch.manual_seed(config["seed"])
    (x, y), validation, test = table()
    network = space.build(config)
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config["epochs"])
    for _ in range(config["epochs"]):
        network.train()
        for batch in torch.randperm(len(y)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
            optimizer.step()
        schedule.step()
        report = {"accuracy": accuracy(network, validation)}
        if config["final"]:  # the search never sees the test rows
            report["test_accuracy"] = accuracy(network, test)
        tune.report(report)


def table() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Standardised rows and their classes: 1,200 to train, 400 to validate, 710 to test."""
    rows, names = zip(*ImageSegments(), strict=True)
    x = torch.tensor([list(row.values()) for row in rows], dtype=torch.float32)
    y = torch.tensor(np.unique(names, return_inverse=True)[1])
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    known = x[order[:1200]]
    x = (x - known.mean(0)) / known.std(0).clamp(min=1e-6)
    return [(x[part], y[part]) for part in order.split([1200, 400, 710])]


def accuracy(network: nn.Module, part: tuple[torch.Tensor, torch.Tensor]) -> float:
    with torch.no_grad():
        return (network.eval()(part[0]).argmax(1) == part[1]).float().mean().item()


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Searches, trains the winner and the network by hand again, and prints test figures."""
    parser = argparse.ArgumentParser(description="Searches a network for a table.")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="3 trials of 2 epochs")
    options = parser.parse_args(arguments)
    trials, epochs, seeds = (3, 2, 1) if options.quick else (options.trials, 25, 3)
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # one line of progress, no banner
    if not ray.is_initialized():
        ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False)
    folder = search(trials, epochs, options.seed)
    again = retrain(folder, train, space=space, seeds=seeds, config={"final": True})
    (x, y), _, (test_x, test_y) = table()
    boosting = HistGradientBoostingClassifier(random_state=0).fit(x, y)
    figures = {
        "winner": again.values(again.winner, "test_accuracy"),
        "hand_made": again.values("baseline", "test_accuracy"),
        "boosting": [boosting.score(test_x, test_y)],
        "trivial": [(test_y == y.mode().values).float().mean().item()],
    }
    print(f"accuracy on the test rows, trained from scratch ({seeds} times):")
    for name, values in figures.items():
        print(f"  {name:9} {np.mean(values):.3f}  {np.round(values, 3)}")
    print(f"more about it: ray-nas report {folder}")
    return {name: float(np.mean(values)) for name, values in figures.items()}


if __name__ == "__main__":
    main()
