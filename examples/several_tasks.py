"""Searches one network for three tasks on handwritten digits: digit, parity, number of loops.

    python examples/several_tasks.py            # minutes on two cores
    python examples/several_tasks.py --quick    # less than one

The search chooses where each task leaves the shared trunk. The network by hand (`space.baseline`)
shares the whole trunk, and is the first trial. A network for each task alone and the most frequent
class stand beside.
"""

import argparse
import os
from typing import Any

import numpy as np
import ray
import torch
from ray import tune
from sklearn.datasets import load_digits
from torch import nn

from ray_nas.cluster import ProgressLine
from ray_nas.retraining import retrain
from ray_nas.searchers import Bananas
from ray_nas.spaces import MultiTaskSpace

TASKS = {"digit": 10, "parity": 2, "loops": 3}
Part = tuple[torch.Tensor, dict[str, torch.Tensor]]

# 1: a space in place of the network
space = MultiTaskSpace((1, 8, 8), TASKS, widths=[8, 16, 32])


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
    """The trainable: trains a network and reports the mean accuracy of its tasks."""
    torch.set_num_threads(1)
    _, validation, test = digits()
    network = trained(config, list(TASKS))
    report = {"accuracy": np.mean([accuracy(network, validation, task) for task in TASKS])}
    if config["final"]:  # the search never sees the test images
        report |= {f"test_{task}": accuracy(network, test, task) for task in TASKS}
    tune.report(report)


def trained(config: dict[str, Any], tasks: list[str]) -> nn.Module:
    """A network, trained on the sum of the tasks' losses."""
    torch.manual_seed(config["seed"])
    images, labels = digits()[0]
    network = space.build(config)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config["epochs"])
    for _ in range(config["epochs"]):
        for batch in torch.randperm(len(images)).split(50):
            optimizer.zero_grad()
            logits = network(images[batch])
            losses = [nn.functional.cross_entropy(logits[t], labels[t][batch]) for t in tasks]
            torch.stack(losses).sum().backward()
            optimizer.step()
        schedule.step()
    return network


def digits() -> list[Part]:
    """Images and the labels of each task: 500 to train, 400 to validate, 897 to test."""
    images, digit = map(torch.tensor, load_digits(return_X_y=True))
    images = images.float().reshape(-1, 1, 8, 8) / 16
    order = torch.randperm(len(digit), generator=torch.Generator().manual_seed(0))
    loops = torch.tensor([1, 0, 0, 0, 0, 0, 1, 0, 2, 1])[digit]
    labels = {"digit": digit, "parity": digit % 2, "loops": loops}
    parts = order.split([500, 400, 897])
    return [(images[part], {task: labels[task][part] for task in TASKS}) for part in parts]


def accuracy(network: nn.Module, part: Part, task: str) -> float:
    found = network.eval()(part[0])[task].argmax(1)
    return (found == part[1][task]).float().mean().item()


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Searches, trains the winner and the network by hand again, and prints test figures."""
    parser = argparse.ArgumentParser(description="Searches one network for three tasks.")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="3 trials of 1 epoch")
    options = parser.parse_args(arguments)
    trials, epochs, seeds = (3, 1, 1) if options.quick else (options.trials, 15, 3)
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # one line of progress, no banner
    if not ray.is_initialized():
        ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False)
    folder = search(trials, epochs, options.seed)
    again = retrain(folder, train, space=space, seeds=seeds, config={"final": True})
    training, _, test = digits()
    single = {**space.baseline, "epochs": epochs, "seed": options.seed}
    figures = {
        "winner": [np.mean(again.values(again.winner, f"test_{task}")) for task in TASKS],
        "hand_made": [np.mean(again.values("baseline", f"test_{task}")) for task in TASKS],
        "alone": [accuracy(trained(single, [task]), test, task) for task in TASKS],
        "trivial": [np.mean((test[1][t] == training[1][t].mode().values).numpy()) for t in TASKS],
    }
    print(f"accuracy on the test images ({', '.join(TASKS)}), {seeds} trainings from scratch each:")
    for name, values in figures.items():
        print(f"  {name:9} {np.mean(values):.3f}  {np.round(values, 3)}")
    print(f"more about it: ray-nas report {folder}")
    return {name: float(np.mean(values)) for name, values in figures.items()}


if __name__ == "__main__":
    main()
