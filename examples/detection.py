"""Searches a detector of discs and squares, anchor-free, after FCOS.

    python examples/detection.py            # minutes on two cores
    python examples/detection.py --quick    # less than one

The scenes are drawn here, so every box is exact. The detector by hand (`space.baseline`) is the
search's first trial. The winner and it are then trained from scratch and tested by their average
precision (AP) at IoU 0.5, beside the box around each bright blob, called a disc.
"""

import argparse
import os
from typing import Any

import numpy as np
import ray
import torch
from ray import tune
from scipy import ndimage
from torch import nn

from ray_nas.cluster import ProgressLine
from ray_nas.retraining import retrain
from ray_nas.searchers import Bananas
from ray_nas.spaces import DetectionSpace

# 1: a space in place of the network
space = DetectionSpace((1, 48, 48), 2, widths=[4, 8, 16], neck_widths=[8, 16, 32], levels=2)


def search(trials: int, epochs: int, seed: int) -> str:
    """An ordinary Tune experiment; returns its folder."""
    searcher = Bananas(space, seed=seed)  # 2: the space goes to a searcher
    tuner = tune.Tuner(
        train,
        param_space={"epochs": epochs, "seed": seed, "final": False},
        tune_config=tune.TuneConfig(
            search_alg=searcher,  # 3: the searcher goes to Tune
            metric="ap",
            mode="max",
            num_samples=trials,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(callbacks=[ProgressLine()], verbose=0),
    )
    return tuner.fit().experiment_path


def train(config: dict[str, Any]) -> None:
    """The trainable: trains a detector and reports its average precision."""
    torch.set_num_threads(1)
    torch.manual_seed(config["seed"])
    images, boxes = scenes(300, seed=1)
    wanted = [torch.stack([targets(each, stride) for each in boxes]) for stride in (4, 8)]
    network = space.build(config)
    optimizer = torch.optim.AdamW(network.parameters(), 5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config["epochs"])
    for _ in range(config["epochs"]):
        for batch in torch.randperm(len(images)).split(20):
            optimizer.zero_grad()
            levels = zip(network(images[batch]), wanted, strict=True)
            torch.stack([loss(output, target[batch]) for output, target in levels]).sum().backward()
            optimizer.step()
        schedule.step()
    report = {"ap": average_precision(network, 100, seed=2)}
    if config["final"]:  # the test scenes are drawn only after the search
        report["test_ap"] = average_precision(network, 200, seed=3)
    tune.report(report)


def scenes(number: int, seed: int) -> tuple[torch.Tensor, list[list[list[float]]]]:
    """Noisy images (number, 1, 48, 48); rows of kind, left, top, right and bottom for each."""
    rng = np.random.default_rng(seed)
    images, boxes = rng.normal(0, 0.3, (number, 1, 48, 48)), []
    ys, xs = np.mgrid[:48, :48] + 0.5
    for image in images:
        boxes.append([])
        for kind in rng.integers(0, 2, rng.integers(1, 4)):
            size = rng.uniform(3, 9)
            x, y = rng.uniform(size, 48 - size, 2)
            distance = [np.hypot(xs - x, ys - y), np.maximum(abs(xs - x), abs(ys - y))][kind]
            image[0][distance <= size] += rng.uniform(0.5, 1)
            boxes[-1].append([kind, x - size, y - size, x + size, y + size])
    return torch.tensor(images, dtype=torch.float32), boxes


def targets(boxes: list[list[float]], stride: int) -> torch.Tensor:
    """One-hot kind, distances to the box's edges in strides: (6, height, width) of a level."""
    rows, columns = (np.mgrid[: 48 // stride, : 48 // stride] + 0.5) * stride
    target = np.zeros((6, *rows.shape), np.float32)
    for kind, left, top, right, bottom in boxes:
        if (right - left > 12) == (stride == 8):  # large boxes are the coarse level's
            edges = np.stack([columns - left, rows - top, right - columns, bottom - rows])
            off_centre = abs(edges[:2] - edges[2:]).max(0) / 2
            inside = (edges.min(0) > 0) & (off_centre <= stride)
            target[:, inside] = np.vstack([np.zeros((2, inside.sum())), edges[:, inside] / stride])
            target[kind, inside] = 1
    return torch.tensor(target)


def loss(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Focal loss of the kinds, and minus the logarithm of the boxes' IoU; centre-ness is unused."""
    kinds, wanted = output[:, :2], target[:, :2]
    entropy = nn.functional.binary_cross_entropy_with_logits(kinds, wanted, reduction="none")
    focal = (entropy * (wanted - kinds.sigmoid()) ** 2).sum()
    positive = wanted.sum(1) > 0
    edges, true = (each[:, 2:6].movedim(1, 3)[positive] for each in (output, target))
    areas = [(each[:, :2] + each[:, 2:]).prod(1) for each in (edges, true, edges.minimum(true))]
    iou = areas[2] / (areas[0] + areas[1] - areas[2])
    return (focal - iou.log().sum()) / positive.sum().clamp(min=1)


def detections(network: nn.Module, images: torch.Tensor) -> list[list[float]]:
    """Rows of score, image, kind, left, top, right and bottom, without near duplicates."""
    found, kept = [], []
    with torch.no_grad():
        for stride, output in zip((4, 8), network.eval()(images), strict=True):
            scores, kinds = output[:, :2].sigmoid().max(1)
            at = image, row, column = torch.nonzero(scores > 0.1, as_tuple=True)
            centre = (torch.stack([column, row]) + 0.5) * stride
            edges = output[image, 2:6, row, column].T * stride
            parts = scores[at][None], image[None], kinds[at][None]
            found += torch.cat([*parts, centre - edges[:2], centre + edges[2:]]).T.tolist()
    for one in sorted(found, reverse=True):
        if all(one[1:3] != other[1:3] or overlap(one, other) < 0.5 for other in kept):
            kept.append(one)
    return kept


def overlap(one: list[float], other: list[float]) -> float:
    """IoU of two boxes: the last four entries of a row."""
    (a, b, c, d), (e, f, g, h) = one[-4:], other[-4:]
    shared = max(0, min(c, g) - max(a, e)) * max(0, min(d, h) - max(b, f))
    return shared / ((c - a) * (d - b) + (g - e) * (h - f) - shared)


def blobs(images: torch.Tensor) -> list[list[float]]:
    """The trivial detector: a box around each bright blob, called a disc."""
    found = []
    for number, image in enumerate(images.numpy()):
        labels, _ = ndimage.label(ndimage.gaussian_filter(image[0], 1) > 0.3)
        for rows, columns in ndimage.find_objects(labels):
            found.append([1, number, 0, columns.start, rows.start, columns.stop, rows.stop])
    return found


def average_precision(network: nn.Module | None, number: int, seed: int) -> float:
    """The mean over the two kinds of the area under precision and recall, at IoU 0.5."""
    images, boxes = scenes(number, seed)
    found = blobs(images) if network is None else detections(network, images)
    areas = []
    for kind in (0, 1):
        true = [[i, *box] for i, each in enumerate(boxes) for box in each if box[0] == kind]
        hits = []
        total = len(true)
        for one in (one for one in found if one[2] == kind):
            same = [box for box in true if box[0] == one[1] and overlap(one, box) >= 0.5]
            if same:  # each true box is found once
                true.remove(max(same, key=lambda box: overlap(one, box)))
            hits.append(bool(same))
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        highest = np.maximum.accumulate(precision[::-1])[::-1]  # at this recall or more
        areas.append(highest[np.array(hits, bool)].sum() / total)
    return float(np.mean(areas))


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Searches, trains the winner and the network by hand again, and prints test figures."""
    parser = argparse.ArgumentParser(description="Searches a detector of discs and squares.")
    parser.add_argument("--trials", type=int, default=14)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="3 trials of 1 epoch")
    options = parser.parse_args(arguments)
    trials, epochs, seeds = (3, 1, 1) if options.quick else (options.trials, 10, 3)
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # one line of progress, no banner
    if not ray.is_initialized():
        ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False)
    folder = search(trials, epochs, options.seed)
    again = retrain(folder, train, space=space, seeds=seeds, config={"final": True})
    figures = {
        "winner": again.values(again.winner, "test_ap"),
        "hand_made": again.values("baseline", "test_ap"),
        "trivial": [average_precision(None, 200, seed=3)],
    }
    print(f"AP on the test scenes, trained from scratch ({seeds} times):")
    for name, values in figures.items():
        print(f"  {name:9} {np.mean(values):.3f}  {np.round(values, 3)}")
    print(f"more about it: ray-nas report {folder}")
    return {name: float(np.mean(values)) for name, values in figures.items()}


if __name__ == "__main__":
    main()
