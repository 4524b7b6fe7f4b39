"""Trains cells of a small NAS-Bench-201 network alone, for `one_shot.py` to compare a supernet's
estimates with.

Appends a row for each training to the table; one that stands there already is not done again.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import torch
from small_task import figures, small_space, small_task, train_alone

FIELDS = ["cell", "seed", "val_accuracy", "val_nll", "test_accuracy", "test_nll", "seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--table",
        type=Path,
        default=Path(__file__).with_name("one_shot_truth.csv"),
        help="the table to complete",
    )
    parser.add_argument(
        "--cells", type=int, default=160, help="how many cells, each of another isomorphism class"
    )
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each cell")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    space, data = small_space(), small_task()
    cells = random_cells(arguments.cells)
    done = set()
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
                torch.manual_seed(seed)  # of the initial weights
                network = space.build(space.from_arch_str(cell))
                start = time.process_time()
                train_alone(network, data["train"], seed)
                seconds = time.process_time() - start
                val, test = figures(network, data["val"]), figures(network, data["test"])
                values = [
                    f"{val.accuracy:.2f}",
                    f"{val.nll:.4f}",
                    f"{test.accuracy:.2f}",
                    f"{test.nll:.4f}",
                    f"{seconds:.2f}",
                ]
                table.writerow(dict(zip(FIELDS, [cell, seed, *values], strict=True)))
                file.flush()


def random_cells(number: int) -> list[str]:
    """Cells drawn evenly, the first of each isomorphism class."""
    space, rng = small_space(), np.random.default_rng(0)
    cells: dict[str, str] = {}
    while len(cells) < number:
        config = space.sample(random_state=rng)
        cells.setdefault(space.canonical(config), space.to_arch_str(config))
    return list(cells.values())


if __name__ == "__main__":
    main()
