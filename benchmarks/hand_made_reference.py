"""Is H0 of `does_it_pay.py` a straw man? Its series network against published figures.

LITE's own results on the official splits (https://github.com/MSD-IRIMAS/LITE: `results.csv` and
`results_multivariate.csv`, means of several networks), and the CNN of MNIST-1D (Greydanus & Kobak,
2024). The recipe is that of the benchmark with more passes over the data; the benchmark's short
budgets allow fewer. The target is at most two points below. "PLAID-padded" has the series as in the
archive, padded to 1,344; the benchmark stretches them to 256.

    python benchmarks/hand_made_reference.py --tasks OSULeaf --seeds 1
"""

from typing import Final

import numpy as np
import torch
from command_line import check_names, make_parser, parse, print_result
from pay_data import padded_plaid
from pay_spaces import build, setting
from pay_tasks import ALL, Part, load, official
from pay_training import constant, figures, train

PUBLISHED: Final = {
    "MNIST-1D": (94.0, 60),
    "OSULeaf": (95.6, 250),
    "ACSF1": (89.8, 250),
    "JapaneseVowels": (96.8, 150),
    "PLAID": (90.7, 150),
    "PLAID-padded": (90.7, 150),
    "ItalyPowerDemand": (96.9, 200),
    "ArrowHead": (82.2, 400),
}
"""Test accuracy in percent, and passes over the training data here."""


def main() -> None:
    parser = make_parser(__doc__, "one seed on the two smallest tasks")
    parser.add_argument("--tasks", nargs="+", default=list(PUBLISHED))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--width", type=int, help="channels in place of H0's")
    options = parse(parser, seeds=1)
    check_names(parser, "--tasks", options.tasks, PUBLISHED)
    torch.set_num_threads(1)
    names = ["JapaneseVowels", "ItalyPowerDemand"] if options.quick else options.tasks
    found = {name: measured(name, options.seeds, options.width) for name in names}
    print_result(found)


def measured(name: str, seeds: int, width: int | None = None) -> dict[str, float]:
    """H0 on the official split of a task.

    Args:
        name: One of `PUBLISHED`.
        seeds: Trainings.
        width: Channels; None for H0's.
    """
    task = name.removesuffix("-padded")
    chosen = setting(load(task, 0))
    h0 = chosen.h0
    if width is not None:
        h0 = {**h0, "arch": {**h0["arch"], "width": width}}
    published, epochs = PUBLISHED[name]
    training, test = official(task) if task == name else _padded()
    points = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        network = build(chosen.space, h0)
        for _ in train(network, training, h0, epochs, seed):
            pass
        points.append(figures(network, test)[0])
    mean = float(np.mean(points))
    trivial = constant(test, training)
    print(
        f"{name}: {mean:.1f} (published {published:.1f}, majority {trivial:.1f}), {seeds} seeds",
        flush=True,
    )
    return {
        "test": round(mean, 2),
        "lowest": round(min(points), 2),
        "published": published,
        "constant": round(trivial, 2),
        "seeds": seeds,
    }


def _padded() -> tuple[Part, Part]:
    inputs, targets = (torch.from_numpy(part) for part in padded_plaid())
    training = ALL["PLAID"].train
    return (inputs[:training], targets[:training]), (inputs[training:], targets[training:])


if __name__ == "__main__":
    main()
