"""Searches a U-Net that tells discs, squares and rings apart, pixel by pixel.

    python examples/segmentation.py            # minutes on two cores
    python examples/segmentation.py --quick    # less than one

The scenes are drawn here, so the class of every pixel is exact: 300 to train, 100 to validate, 200
to test. U-Net by hand (`space.baseline`) is the search's first trial. The winner and it are then
trained from scratch and tested, beside the answer "background" everywhere.
"""

import argparse
import os
from typing import Any

import numpy as np
import ray
import torch
from ray import tune
from torch import nn

from ray_nas.cluster import ProgressLine
from ray_nas.retraining import retrain
from ray_nas.searchers import Bananas
from ray_nas.spaces import SegmentationSpace

# 1: a space in place of the network
space = SegmentationSpace((1, 32, 32), num_classes=4, widths=[4, 8, 16], max_levels=3)


def search(trials: int, epochs: int, seed: int) -> str:
    """An ordinary Tune experiment; returns its folder."""
    searcher = Bananas(space, seed=seed)  # 2: the space goes to a searcher
    tuner = tune.Tuner(
        train,
        param_space={"epochs": epochs, "seed": seed, "final": False},
        tune_config=tune.TuneConfig(
            search_alg=searcher,  # 3: the searcher goes to Tune
            metric="iou",
            mode="max",
            num_samples=trials,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(callbacks=[ProgressLine()], verbose=0),
    )
    return tuner.fit().experiment_path


def train(config: dict[str, Any]) -> None:
    """The trainable: trains a network and reports its mean IoU after each epoch."""
    torch.set_num_threads(1)
    torch.manual_seed(config["seed"])
    images, classes = scenes(300, seed=1)
    network = space.build(config)
    optimizer = torch.optim.AdamW(network.parameters(), 5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config["epochs"])
    for _ in range(config["epochs"]):
        network.train()
        for batch in torch.randperm(len(images)).split(20):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), classes[batch]).backward()
            optimizer.step()
        schedule.step()
        report = {"iou": mean_iou(network, 100, seed=2)}
        if config["final"]:  # the test scenes are drawn only after the search
            report["test_iou"] = mean_iou(network, 200, seed=3)
        tune.report(report)


def scenes(number: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy images (number, 1, 32, 32) of three shapes each, and the class of each pixel."""
    rng = np.random.default_rng(seed)
    classes = np.zeros((number, 32, 32), int)
    images = rng.normal(0, 0.3, (number, 1, 32, 32))
    rows, columns = np.mgrid[:32, :32]
    for image, labels in zip(images, classes, strict=True):
        for kind in rng.integers(1, 4, 3):
            down, right = rows - rng.integers(6, 26), columns - rng.integers(6, 26)
            size, distance = rng.integers(4, 8), np.hypot(down, right)
            square = np.maximum(abs(down), abs(right)) <= 0.85 * size
            inside = [distance <= size, square, abs(distance - size) <= 1.2][kind - 1]
            labels[inside] = kind
            image[0][inside] += rng.uniform(0.3, 0.8)
    return torch.tensor(images, dtype=torch.float32), torch.tensor(classes)


def mean_iou(network: nn.Module | None, number: int, seed: int) -> float:
    """Intersection over union, the mean of the classes; None says background everywhere."""
    images, true = scenes(number, seed)
    found = torch.zeros_like(true)
    if network is not None:
        with torch.no_grad():
            found = network.eval()(images).argmax(1)
    pairs = [(found == kind, true == kind) for kind in range(4)]
    return float(np.mean([((a & b).sum() / (a | b).sum()).item() for a, b in pairs]))


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Searches, trains the winner and the network by hand again, and prints test figures."""
    parser = argparse.ArgumentParser(description="Searches a U-Net.")
    parser.add_argument("--trials", type=int, default=14)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="3 trials of 1 epoch")
    options = parser.parse_args(arguments)
    trials, epochs, seeds = (3, 1, 1) if options.quick else (options.trials, 6, 3)
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # one line of progress, no banner
    if not ray.is_initialized():
        ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False)
    folder = search(trials, epochs, options.seed)
    again = retrain(folder, train, space=space, seeds=seeds, config={"final": True})
    figures = {
        "winner": again.values(again.winner, "test_iou"),
        "hand_made": again.values("baseline", "test_iou"),
        "trivial": [mean_iou(None, 200, seed=3)],
    }
    print(f"mean IoU on the test scenes, trained from scratch ({seeds} times):")
    for name, values in figures.items():
        print(f"  {name:9} {np.mean(values):.3f}  {np.round(values, 3)}")
    print(f"more about it: ray-nas report {folder}")
    return {name: float(np.mean(values)) for name, values in figures.items()}


if __name__ == "__main__":
    main()
