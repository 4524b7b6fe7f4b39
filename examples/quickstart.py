"""Evolves a NAS-Bench-201 cell for handwritten digits with Ray Tune and ASHA.

    python examples/quickstart.py            # about two minutes of search on two cores
    python examples/quickstart.py --help

The digits are split into a training part, a validation part that guides the search, and a test part
that nothing sees before the winner is retrained from scratch. Random search with the same scheduler
and as many epochs is the baseline.
"""

import argparse
import logging
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from sklearn.datasets import load_digits
from torch import nn

from ray_nas.cluster import ProgressLine
from ray_nas.searchers import ArchitectureSearcher, RandomSearch, RegularizedEvolution
from ray_nas.spaces import NASBench201

Part = tuple[torch.Tensor, torch.Tensor]

space = NASBench201(channels=8, cells_per_stage=1, num_classes=10, in_channels=1)


def digits() -> tuple[Part, Part, Part]:
    """1,797 images of 8x8 pixels: 1,000 to train, 400 to validate, 397 to test."""
    images, labels = load_digits(return_X_y=True)
    x = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    y = torch.tensor(labels)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    parts = [(x[part], y[part]) for part in order.split([1000, 400, 397])]
    return parts[0], parts[1], parts[2]


def accuracy(network: nn.Module, part: Part) -> float:
    """The share of images classified correctly."""
    network.eval()
    with torch.no_grad():
        return (network(part[0]).argmax(1) == part[1]).float().mean().item()


def epochs(network: nn.Module, part: Part, number: int, seed: int = 0) -> Any:
    """Trains on a part and yields after each epoch."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1e-2, epochs=number, steps_per_epoch=-(-len(part[1]) // 64)
    )
    for epoch in range(1, number + 1):
        network.train()
        for batch in torch.randperm(len(part[1]), generator=generator).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(part[0][batch]), part[1][batch]).backward()
            optimizer.step()
            schedule.step()
        yield epoch


def train(config: dict[str, Any]) -> None:
    """The trainable: an ordinary Tune function."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    training, validation, _ = digits()
    network = space.build(config)
    for epoch in epochs(network, training, config["max_epochs"]):
        tune.report({"accuracy": accuracy(network, validation), "epoch": epoch})


class EpochBudget(tune.Stopper):
    """Ends the experiment when so many epochs have been trained in all trials together."""

    def __init__(self, budget: int) -> None:
        self.left = budget

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Counts an epoch; ASHA decides about single trials."""
        self.left -= 1
        return False

    def stop_all(self) -> bool:
        """Whether the budget is used up."""
        return self.left <= 0


def search(
    searcher: ArchitectureSearcher, options: argparse.Namespace
) -> tuple[dict[str, Any], float, Path]:
    """Runs an experiment: its best architecture, validation accuracy and folder."""
    name = type(searcher).__name__
    tuner = tune.Tuner(
        tune.with_resources(train, {"cpu": 1}),
        param_space={"max_epochs": options.max_epochs},
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=ASHAScheduler(
                time_attr="epoch", max_t=options.max_epochs, grace_period=1, reduction_factor=3
            ),
            metric="accuracy",
            mode="max",
            num_samples=-1,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name=f"{name}_{time.strftime('%Y-%m-%d_%H-%M-%S')}",
            storage_path=str(options.storage_path.resolve()),
            stop=EpochBudget(options.epochs),
            callbacks=[ProgressLine("epoch", options.epochs)],
            verbose=0,
        ),
    )
    results = tuner.fit()
    best = results.get_best_result(scope="last")
    return (
        space.own_parameters(best.config),
        best.metrics["accuracy"],
        Path(results.experiment_path),
    )


def retrained(config: dict[str, Any], number: int) -> float:
    """Mean test accuracy of three trainings from scratch on training and validation data."""
    training, validation, test = digits()
    both = (torch.cat([training[0], validation[0]]), torch.cat([training[1], validation[1]]))
    figures = []
    for seed in range(3):
        torch.manual_seed(seed)
        network = space.build(config)
        for _ in epochs(network, both, number, seed):
            pass
        figures.append(accuracy(network, test))
    return float(np.mean(figures))


def drawn(config: dict[str, Any]) -> str:
    """The cell as text: what each node sums up."""
    lines = []
    for node in (1, 2, 3):
        terms = [
            f"{config[f'edge_{source}_{node}']}({source})"
            for source in range(node)
            if config[f"edge_{source}_{node}"] != "none"
        ]
        lines.append(f"    node {node} = {' + '.join(terms) or '0'}")
    return "\n".join(["    node 0 = input", *lines, "    output = node 3"])


def main() -> None:
    """Search, baseline, retraining."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--epochs", type=int, default=300, help="epochs of all trials together (default: 300)"
    )
    parser.add_argument(
        "--max-epochs", type=int, default=9, help="epochs of one trial at most (default: 9)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--storage-path",
        type=Path,
        default=Path("results"),
        help="folder of the experiments (default: results)",
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # with verbose=0: no tables of Tune's, one line of ours
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False)
    print(f"searching {space.size:,} cells for 8x8 digits, two trials at a time")
    outcomes = {}
    for searcher in (
        RegularizedEvolution(space, seed=options.seed),
        RandomSearch(space, seed=options.seed),
    ):
        start = time.monotonic()
        outcomes[type(searcher).__name__] = search(searcher, options)
        print(f"{type(searcher).__name__} took {time.monotonic() - start:.0f} s")
    for name, (config, validation, folder) in outcomes.items():
        parameters = sum(tensor.numel() for tensor in space.build(config).parameters())
        print(f"\n{name}: best of {options.epochs} epochs\n{drawn(config)}")
        print(f"    {space.to_arch_str(config)}")
        print(f"    {parameters:,} parameters, validation accuracy {validation:.4f}")
        test = retrained(config, 2 * options.max_epochs)
        print(f"    test accuracy, retrained from scratch: {test:.4f}")
        print(f"    results: {folder}")
    print(f"\nwhere it comes from: ray-nas explain {outcomes['RegularizedEvolution'][2]}")


if __name__ == "__main__":
    main()
