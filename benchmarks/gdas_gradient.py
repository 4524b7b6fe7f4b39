"""GDAS: does the architecture search improve if alternatives that were not drawn get a gradient?

    python benchmarks/gdas_gradient.py --quick
    python benchmarks/gdas_gradient.py

In the code of GDAS's authors the weight of such an alternative, which is 0, is added in place of
its output: its alpha gets the gradient of an alternative that outputs ones. Here its alpha gets no
gradient. The task has one right answer: the sign of a sum of two numbers, which a network can learn
if it receives them (not zeros) and passes them on (by a skip connection or a linear layer, not by
their mean over the batch). The result counts the seeds whose final architecture does both. The last
line is one JSON object.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import torch
from command_line import make_parser, parse, print_result
from torch import nn

from ray_nas.sharing.differentiable import mixture
from ray_nas.sharing.differentiable.bilevel_search import BilevelSearch
from ray_nas.spaces import InputChoice, LayerChoice, ModelSpace

SETTINGS = {
    "method": "gdas",
    "epochs": 20,
    "batch_size": 32,
    "learning_rate": 0.1,
    "weight_decay": 3e-4,
    "warmup": 0.3,
    "alpha_learning_rate": 0.05,
    "alpha_weight_decay": 1e-3,
    "beta_decay": 0.0,
    "max_skip_share": 1.0,
}
ROWS = 256
without = mixture._weighted_sum


class Mean(nn.Module):
    """Discards the differences between inputs."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The batch mean in every row."""
        return x.mean(0, keepdim=True).expand_as(x)


class Net(nn.Module):
    """A choice of input and a choice of layer between two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.source = InputChoice("source", ["zeros", "entries"])
        self.first = nn.Linear(2, 8)
        self.layer = LayerChoice(
            "layer", {"mean": Mean, "skip": nn.Identity, "linear": nn.Linear(8, 8)}
        )
        self.last = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps pairs of numbers, shape (batch, 2), to the logits of two classes."""
        return self.last(self.layer(self.first(self.source([torch.zeros_like(x), x]))))


def as_if_ones(weights: torch.Tensor, branches: Sequence[Callable[[], Any]]) -> torch.Tensor:
    """The mixture's sum, plus the weights of the alternatives that were not drawn."""
    total = without(weights, branches)
    for weight in weights[: len(branches)]:
        if weight == 0:
            total = total + weight
    return total


def main() -> None:
    parser = make_parser(__doc__, quick="2 seeds")
    parser.add_argument("--seeds", type=int, default=10, help="searches per variant")
    options = parse(parser, seeds=2)
    torch.set_num_threads(1)
    x = torch.randn(2 * ROWS, 2, generator=torch.Generator().manual_seed(0))
    y = (x.sum(1) > 0).long()
    data = {
        "train_data": (x[:ROWS], y[:ROWS]),
        "val_data": (x[ROWS:], y[ROWS:]),
        "loss": nn.functional.cross_entropy,
    }
    found = {}
    for name, weighted_sum in {
        "no gradient": without,
        "as if ones (authors' code)": as_if_ones,
    }.items():
        mixture._weighted_sum = weighted_sum
        right = 0
        for seed in range(options.seeds):
            search = BilevelSearch(ModelSpace(Net), **data, **SETTINGS, seed=seed)
            while not search.done:
                row = search.epoch()
            architecture = json.loads(row["architecture"])
            right += architecture["source"] == "entries" and architecture["layer"] != "mean"
        found[name] = right
        print(
            f"{name:28} right in {right} of {options.seeds} seeds (by chance: a third)", flush=True
        )
    print_result({"seeds": options.seeds, "right": found})


if __name__ == "__main__":
    main()
