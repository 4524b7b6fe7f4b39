"""Searches the network and its hyperparameters together, on handwritten digits.

    python examples/joint.py            # minutes on two cores
    python examples/joint.py --quick    # less than one

Only 300 digits are to train on. The network by hand, with the usual learning rate and weight decay,
is the search's first trial. The winner and it are then trained from scratch and tested, beside the
most frequent class.
"""

import argparse
import os
from typing import Any

import numpy as np
import ray
import torch
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from sklearn.datasets import load_digits
from torch import nn

from ray_nas.cluster import ProgressLine
from ray_nas.retraining import retrain
from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import ChainSpace

# 1: a space in place of the network
space = ChainSpace((1, 8, 8), num_classes=10, stages=2, max_layers_per_stage=3)
wide = {"stage_0.width": 32, "stage_1.width": 64, "stage_0.depth": 2, "stage_1.depth": 2}
by_hand = {"arch": space.complete(wide), "lr": 1e-3, "weight_decay": 1e-2}


def search(trials: int, epochs: int, seed: int) -> str:
    """An ordinary Tune experiment; returns its folder."""
    searcher = RegularizedEvolution(
        population_size=8, tournament_size=4, baseline=by_hand, seed=seed
    )
    tuner = tune.Tuner(
        train,
        param_space={
            "arch": space,  # 2: the space beside the hyperparameters
            "lr": tune.loguniform(1e-4, 3e-2),
            "weight_decay": tune.loguniform(1e-4, 1e-1),
            "epochs": epochs,
            "seed": seed,
            "final": False,
        },
        tune_config=tune.TuneConfig(
            search_alg=searcher,  # 3: the searcher goes to Tune
            scheduler=ASHAScheduler(max_t=epochs, grace_period=min(4, epochs)),
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
    (x, y), validation, test = digits()
    network = space.build(config["arch"])
    decay = config["weight_decay"]
    optimizer = torch.optim.AdamW(network.parameters(), config["lr"], weight_decay=decay)
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
    """Images and labels: 300 to train, 400 to validate, 1,097 to test."""
    images, labels = map(torch.tensor, load_digits(return_X_y=True))
    images = images.float().reshape(-1, 1, 8, 8) / 16
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    return [(images[part], labels[part]) for part in order.split([300, 400, 1097])]


def accuracy(network: nn.Module, part: tuple[torch.Tensor, torch.Tensor]) -> float:
    with torch.no_grad():
        return (network.eval()(part[0]).argmax(1) == part[1]).float().mean().item()


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Searches, trains the winner and the network by hand again, and prints test figures."""
    parser = argparse.ArgumentParser(description="Searches a network and its hyperparameters.")
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="3 trials of 1 epoch")
    options = parser.parse_args(arguments)
    trials, epochs, seeds = (3, 1, 1) if options.quick else (options.trials, 20, 3)
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # one line of progress, no banner
    if not ray.is_initialized():
        ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False)
    folder = search(trials, epochs, options.seed)
    again = retrain(folder, train, space=space, seeds=seeds, config={"final": True})
    truth = digits()[2][1]
    figures = {
        "winner": again.values(again.winner, "test_accuracy"),
        "hand_made": again.values("baseline", "test_accuracy"),
        "trivial": [(truth == truth.mode().values).float().mean().item()],
    }
    print(f"accuracy on the test images, trained from scratch ({seeds} times):")
    for name, values in figures.items():
        print(f"  {name:9} {np.mean(values):.3f}  {np.round(values, 3)}")
    print(f"more about it: ray-nas report {folder}")
    return {name: float(np.mean(values)) for name, values in figures.items()}


if __name__ == "__main__":
    main()
