"""DARTS, GDAS, DrNAS and DARTS with beta decay beside random sampling, on digits in clutter.

    python benchmarks/differentiable.py --quick    # minutes on two cores
    python benchmarks/differentiable.py            # half an hour

Each search runs once for each seed, with the defaults of `differentiable_trainable` but for the
number of epochs and, since these are fewer steps than the papers', a larger learning rate of the
alphas. Weights learn on one half of the training images, alphas on the other. The cell that a
search ends with is trained from scratch on all of them by the recipe of `small_task.py`; the same
is done with one random cell for each seed. A cell without a convolution counts as collapsed whether
or not all of it are skip connections. The last line is one JSON object.
"""

import argparse
import json
import time
from typing import Any

import numpy as np
import torch
from small_task import Figures, figures, small_space, small_task, train_alone
from torch import nn

from ray_nas.sharing.differentiable.bilevel_search import BilevelSearch
from ray_nas.spaces import NASBench201

METHODS: dict[str, dict[str, Any]] = {
    "gdas": {"method": "gdas"},
    "darts": {"method": "darts"},
    "drnas": {"method": "drnas"},
    "darts, beta decay": {"method": "darts", "beta_decay": 50.0},
}


def retrained(
    space: NASBench201, config: dict[str, Any], data: dict[str, Any], repeats: int
) -> Figures:
    """Mean test figures of a cell trained from scratch."""
    found = []
    for seed in range(repeats):
        torch.manual_seed(seed)
        network = space.build(config)
        train_alone(network, data["train"], seed)
        found.append(figures(network, data["test"]))
    return Figures(
        float(np.mean([each.accuracy for each in found])),
        float(np.mean([each.nll for each in found])),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=20, help="of a search")
    parser.add_argument("--alpha-learning-rate", type=float, default=0.02)
    parser.add_argument("--repeats", type=int, default=3, help="trainings of a final cell")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument(
        "--quick", action="store_true", help="2 seeds, 10 epochs, one training of a cell"
    )
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.epochs, options.repeats = (
            min(options.seeds, 2),
            min(options.epochs, 10),
            1,
        )
    torch.set_num_threads(1)
    space, data = small_space(), small_task()
    images, labels = data["train"]
    half = len(labels) // 2
    halves = {
        "train_data": (images[:half], labels[:half]),
        "val_data": (images[half:], labels[half:]),
    }
    known: dict[str, Figures] = {}
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in (*options.methods, "random")}
    for seed in range(options.seeds):
        for name, found in rows.items():
            start = time.process_time()
            row: dict[str, Any] = {"collapse": 0}
            if name == "random":
                config = space.sample(random_state=np.random.default_rng(seed))
            else:
                arguments = {
                    "epochs": options.epochs,
                    "alpha_learning_rate": options.alpha_learning_rate,
                    "seed": seed,
                    **METHODS[name],
                }
                search = BilevelSearch(
                    space, **halves, loss=nn.functional.cross_entropy, **arguments
                )
                while not search.done:
                    row = search.epoch()
                config = json.loads(row["architecture"])
            row["seconds"] = time.process_time() - start
            key = space.canonical(config)
            if key not in known:
                known[key] = retrained(space, config, data, options.repeats)
            row["accuracy"], row["nll"] = known[key].accuracy, known[key].nll
            row["all_skip"] = set(config.values()) == {"skip_connect"}
            row["no_convolution"] = "conv" not in key
            found.append(row)
            print(
                f"{seed:2} {name:20} {space.to_arch_str(config):110} {row['accuracy']:6.2f} % {row['nll']:.3f} nll",
                flush=True,
            )
    print(
        f"\n{'':20} {'test accuracy %':>18} {'test nll':>18} {'all skip':>9} {'no conv':>8} {'stopped':>8} {'CPU s':>6}"
    )
    summary = {}
    for name, found in rows.items():
        accuracy, nll = ([row[key] for row in found] for key in ("accuracy", "nll"))
        errors = [
            np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
            for values in (accuracy, nll)
        ]
        summary[name] = {
            "accuracy": round(float(np.mean(accuracy)), 3),
            "nll": round(float(np.mean(nll)), 4),
            "all_skip": sum(row["all_skip"] for row in found),
            "no_convolution": sum(row["no_convolution"] for row in found),
            "stopped": sum(row["collapse"] for row in found),
            "seconds": round(float(np.mean([row["seconds"] for row in found])), 1),
        }
        shown = [
            f"{np.mean(values):.2f} +- {error:.2f}"
            for values, error in zip((accuracy, nll), errors, strict=True)
        ]
        counts = summary[name]
        print(
            f"{name:20} {shown[0]:>18} {shown[1]:>18} {counts['all_skip']:9} {counts['no_convolution']:8} {counts['stopped']:8} "
            f"{counts['seconds']:6}"
        )
    print(json.dumps({"seeds": options.seeds, "epochs": options.epochs, "methods": summary}))


if __name__ == "__main__":
    main()
