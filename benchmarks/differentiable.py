"""Compares DARTS, GDAS, DrNAS and DARTS with beta decay with random sampling.

    python benchmarks/differentiable.py --quick    # minutes on two cores
    python benchmarks/differentiable.py            # half an hour

The task is digits in clutter (`small_task.py`). Each search runs once per seed, with the defaults
of `differentiable_trainable` except for the number of epochs and, since these are fewer steps than
in the papers, a larger learning rate of the alphas. Weights learn on one half of the training
images, alphas on the other. The final cell of a search is trained from scratch on all of them with
the recipe of `small_task.py`, as is one random cell per seed. A final cell without a convolution
("no conv") has collapsed, even if not all of its edges are skip connections. The last line is one
JSON object.
"""

import argparse
import inspect
import json
import time
from typing import Any

import numpy as np
import torch
from command_line import make_parser, parse, print_result
from small_task import Figures, figures, small_space, small_task, train_alone
from torch import nn

from ray_nas.sharing import differentiable_trainable
from ray_nas.sharing.differentiable.bilevel_search import BilevelSearch
from ray_nas.spaces import NASBench201

METHODS: dict[str, dict[str, Any]] = {
    "gdas": {"method": "gdas"},
    "darts": {"method": "darts"},
    "drnas": {"method": "drnas"},
    "darts, beta decay": {"method": "darts", "beta_decay": 50.0},
}
DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(differentiable_trainable).parameters.items()
    if parameter.default is not parameter.empty
}


def retrained(
    space: NASBench201, config: dict[str, Any], data: dict[str, Any], repeats: int
) -> Figures:
    """Mean test metrics of a cell trained from scratch."""
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


def search(
    space: NASBench201,
    halves: dict[str, Any],
    method: str,
    seed: int,
    options: argparse.Namespace,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """One search: its final config and its last report."""
    if method == "random":
        return space.sample(random_state=np.random.default_rng(seed)), {"collapse": 0}
    arguments = {
        **DEFAULTS,
        "epochs": options.epochs,
        "alpha_learning_rate": options.alpha_learning_rate,
        "seed": seed,
        **METHODS[method],
    }
    report: dict[str, Any] = {"collapse": 0}
    training = BilevelSearch(space, **halves, loss=nn.functional.cross_entropy, **arguments)
    while not training.done:
        report = training.epoch()
    return json.loads(report["architecture"]), report


def run_all(options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """Every search on every seed: by method, one row per seed."""
    space, data = small_space(), small_task()
    images, labels = data["train"]
    half = len(labels) // 2
    halves = {
        "train_data": (images[:half], labels[:half]),
        "val_data": (images[half:], labels[half:]),
    }
    trained: dict[str, Figures] = {}
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in (*options.methods, "random")}
    for seed in range(options.seeds):
        for name, found in rows.items():
            start = time.process_time()
            config, row = search(space, halves, name, seed, options)
            row["seconds"] = time.process_time() - start
            key = space.canonical(config)
            if key not in trained:
                trained[key] = retrained(space, config, data, options.repeats)
            row["accuracy"], row["nll"] = trained[key].accuracy, trained[key].nll
            row["all_skip"] = set(config.values()) == {"skip_connect"}
            row["no_convolution"] = "conv" not in key
            found.append(row)
            print(
                f"{seed:2} {name:20} {space.to_arch_str(config):110} "
                f"{row['accuracy']:6.2f} % {row['nll']:.3f} nll",
                flush=True,
            )
    return rows


def summarize(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means and counts of one method over its seeds."""
    return {
        "accuracy": round(float(np.mean([row["accuracy"] for row in rows])), 3),
        "nll": round(float(np.mean([row["nll"] for row in rows])), 4),
        "all_skip": sum(row["all_skip"] for row in rows),
        "no_convolution": sum(row["no_convolution"] for row in rows),
        "stopped": sum(row["collapse"] for row in rows),
        "seconds": round(float(np.mean([row["seconds"] for row in rows])), 1),
    }


def with_standard_error(values: list[float]) -> str:
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{np.mean(values):.2f} +- {error:.2f}"


def parse_options() -> argparse.Namespace:
    parser = make_parser(__doc__, quick="2 seeds, 10 epochs, one training of a cell")
    parser.add_argument("--seeds", type=int, default=10, help="searches per method")
    parser.add_argument("--epochs", type=int, default=20, help="epochs of a search")
    parser.add_argument("--alpha-learning-rate", type=float, default=0.02)
    parser.add_argument("--repeats", type=int, default=3, help="trainings of a final cell")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    return parse(parser, seeds=2, epochs=10, repeats=1)


def main() -> None:
    options = parse_options()
    torch.set_num_threads(1)
    rows = run_all(options)
    print(
        f"\n{'':20} {'test accuracy %':>18} {'test nll':>18} "
        f"{'all skip':>9} {'no conv':>8} {'stopped':>8} {'CPU s':>6}"
    )
    summary = {name: summarize(found) for name, found in rows.items()}
    for name, found in rows.items():
        accuracy, nll = (
            with_standard_error([row[key] for row in found]) for key in ("accuracy", "nll")
        )
        counts = summary[name]
        print(
            f"{name:20} {accuracy:>18} {nll:>18} {counts['all_skip']:9} "
            f"{counts['no_convolution']:8} {counts['stopped']:8} {counts['seconds']:6}"
        )
    print_result({"seeds": options.seeds, "epochs": options.epochs, "methods": summary})


if __name__ == "__main__":
    main()
