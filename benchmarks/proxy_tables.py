"""Trains 60 random networks of four small spaces, as ground truth for `proxy_aggregate.py`.

The spaces and their data are in `small_spaces.py`. The first ten networks of each space are trained
with a second seed as well, which tells how far a single training can be trusted. Appends one row
per training to TABLES/NAME.csv; trainings that are in the table are not repeated. The last line is
one JSON object.
"""

import csv
import json
import time
from pathlib import Path
from typing import Any

import torch
from command_line import check_names, make_parser, print_result
from scipy.stats import spearmanr
from small_spaces import TASKS, Task, configs_of
from small_task import Pair, figures

from ray_nas.estimators.cost import profile
from ray_nas.spaces import ModelSpace
from ray_nas.trials.seeding import seeded

FIELDS = ["config", "seed", "params", "flops", "test_accuracy", "seconds"]
REPEATED = 10
"""Networks of each space that are trained twice."""


def main() -> None:
    parser = make_parser(__doc__, quick="4 networks of each space")
    parser.add_argument(
        "--tables", type=Path, default=Path(__file__).with_name("tables"), help="folder to complete"
    )
    parser.add_argument("--networks", type=int, default=60, help="networks of each space")
    parser.add_argument("--spaces", nargs="+", default=list(TASKS), help=", ".join(TASKS))
    arguments = parser.parse_args()
    check_names(parser, "--spaces", arguments.spaces, TASKS)
    torch.set_num_threads(1)
    arguments.tables.mkdir(parents=True, exist_ok=True)
    networks = 4 if arguments.quick else arguments.networks
    print_result(
        {
            name: complete(arguments.tables / f"{name}.csv", TASKS[name], networks)
            for name in arguments.spaces
        }
    )


def complete(path: Path, task: Task, networks: int) -> dict[str, Any]:
    """Trains what the table lacks, and tells how much networks differ and seeds agree."""
    space, data = task.space(), task.data()
    configs = [json.dumps(config) for config in configs_of(task, networks)]
    done = read_accuracies(path) if path.exists() else {}
    with path.open("a", newline="") as file:
        table = csv.DictWriter(file, FIELDS, lineterminator="\n")
        if not done:
            table.writeheader()
        for seed, some in ((0, configs), (1, configs[:REPEATED])):
            for config in some:
                if (config, seed) not in done:
                    row = train(space, json.loads(config), task, data, seed)
                    table.writerow(row)
                    file.flush()
                    done[config, seed] = row["test_accuracy"]
                    print(path.stem, len(done), row, flush=True)
    return agreement(done, configs)


def read_accuracies(path: Path) -> dict[tuple[str, int], float]:
    """Test accuracy of each training in a table, by config and seed."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return {(row["config"], int(row["seed"])): float(row["test_accuracy"]) for row in rows}


def train(
    space: ModelSpace, config: dict[str, Any], task: Task, data: dict[str, Pair], seed: int
) -> dict[str, Any]:
    """Trains one network: its row."""
    with seeded(seed):
        network = space.build(config)
        inputs = data["train"][0]
        cost = profile(network, tuple(inputs.shape[1:]), input_dtype=inputs.dtype)
        start = time.process_time()
        task.train(network, data["train"], seed)
        seconds = time.process_time() - start
    accuracy = figures(network, data["test"]).accuracy
    values = [cost.params, cost.flops, round(accuracy, 2), round(seconds, 2)]
    return dict(zip(FIELDS, [json.dumps(config), seed, *values], strict=True))


def agreement(
    accuracies: dict[tuple[str, int], float], configs: list[str]
) -> dict[str, float | int]:
    """How much the networks differ, and how well two seeds agree on those trained twice."""
    first = torch.tensor([accuracies[config, 0] for config in configs])
    pairs = [(accuracies[config, 0], accuracies[config, 1]) for config in configs[:REPEATED]]
    twice = torch.tensor(pairs)
    correlation = spearmanr(*twice.T.numpy()).statistic
    noise = (twice[:, 0] - twice[:, 1]).std() / 2**0.5
    return {
        "networks": len(configs),
        "lowest": round(float(first.min()), 2),
        "highest": round(float(first.max()), 2),
        "spread": round(float(first.std()), 2),
        "seed_noise": round(float(noise), 2),
        "spearman_of_seeds": round(float(correlation), 3),
    }


if __name__ == "__main__":
    main()
