"""Trains cells of a small NAS-Bench-201 network alone, as ground truth for `one_shot.py`.

Appends one row per training to the table; trainings that are in the table are not repeated. The
last line is one JSON object.
"""

import csv
import time
from pathlib import Path

import numpy as np
import torch
from command_line import make_parser, print_result
from small_task import Pair, figures, small_space, small_task, train_alone

TRUTH = Path(__file__).with_name("one_shot_truth.csv")
FIELDS = ["cell", "seed", "val_accuracy", "val_nll", "test_accuracy", "test_nll", "seconds"]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--table",
        type=Path,
        default=TRUTH,
        help="CSV file to complete",
    )
    parser.add_argument(
        "--cells", type=int, default=160, help="number of cells, one per isomorphism class"
    )
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each cell")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = small_task()
    cells = random_cells(arguments.cells)
    done, trained = set(), 0
    if arguments.table.exists():
        with arguments.table.open() as file:
            done = {(row["cell"], int(row["seed"])) for row in csv.DictReader(file)}
    with arguments.table.open("a", newline="") as file:
        table = csv.DictWriter(file, FIELDS, lineterminator="\n")
        if not done:
            table.writeheader()
        for seed in range(arguments.seeds):
            for cell in cells:
                if (cell, seed) in done:
                    continue
                values = train_cell(cell, seed, data)
                table.writerow(dict(zip(FIELDS, [cell, seed, *values], strict=True)))
                file.flush()
                trained += 1
    print_result({"cells": len(cells), "seeds": arguments.seeds, "new_trainings": trained})


def train_cell(cell: str, seed: int, data: dict[str, Pair]) -> list[str]:
    """Trains one cell: the fields of its row after the cell and the seed."""
    space = small_space()
    torch.manual_seed(seed)  # Seeds the initial weights.
    network = space.build(space.from_arch_str(cell))
    start = time.process_time()
    train_alone(network, data["train"], seed)
    seconds = time.process_time() - start
    val, test = figures(network, data["val"]), figures(network, data["test"])
    return [
        f"{val.accuracy:.2f}",
        f"{val.nll:.4f}",
        f"{test.accuracy:.2f}",
        f"{test.nll:.4f}",
        f"{seconds:.2f}",
    ]


def random_cells(number: int) -> list[str]:
    """Random cells, the first of each isomorphism class."""
    space, rng = small_space(), np.random.default_rng(0)
    cells: dict[str, str] = {}
    while len(cells) < number:
        config = space.sample(random_state=rng)
        cells.setdefault(space.canonical(config), space.to_arch_str(config))
    return list(cells.values())


if __name__ == "__main__":
    main()
