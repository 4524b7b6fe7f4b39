"""Measures CPU milliseconds of `suggest` by searcher and number of past results.

    python benchmarks/decision_time.py
    python benchmarks/decision_time.py --searchers Bananas BOHB --observations 300 2000
    python benchmarks/decision_time.py --quick

The searchers run on NAS-Bench-201's space together with a learning rate and a weight decay, on a
synthetic score. Past results come from a warm start, so that only the timed decisions cost time.
The mean includes the model refits that become due. The last line is one JSON object.
"""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from command_line import make_parser, print_result
from ray import tune

from ray_nas.searchers import start_from
from ray_nas.searchers.registry import SEARCHERS
from ray_nas.spaces import JointSpace, NASBench201

DECISIONS = 40


def score(config: Mapping[str, Any], rng: np.random.Generator) -> float:
    """Noisy score that favours convolutions near the output and a learning rate near 1e-2."""
    cell = config["arch"]
    good = sum(
        operation.startswith("nor_conv") * (1 + edge.endswith("3"))
        for edge, operation in cell.items()
    )
    return float(good - (np.log10(config["lr"]) + 2.0) ** 2 + rng.normal(0.0, 0.3))


def measure(name: str, space: JointSpace, observations: int, seed: int) -> list[float]:
    """CPU milliseconds of each of the decisions that follow `observations` results."""
    rng = np.random.default_rng(seed)
    earlier = space.sample(size=observations, random_state=rng)
    results = [
        (config, {"score": score(space.to_tune(config), rng), "training_iteration": 1})
        for config in earlier
    ]
    searcher = start_from(
        SEARCHERS[name](space, "score", "max", seed=seed), results, same_task=True
    )
    searcher.suggest("first")
    spent = []
    for number in range(DECISIONS):
        start = time.process_time()
        config = searcher.suggest(str(number))
        spent.append(1e3 * (time.process_time() - start))
        searcher.on_trial_complete(
            trial_id=str(number), result={"score": score(config, rng), "training_iteration": 1}
        )
    return spent


def main() -> None:
    known = [name for name in SEARCHERS if name not in ("GridSearch", "OneShot")]
    parser = make_parser(__doc__, quick="one seed, 300 and 2,000 results")
    parser.add_argument("--searchers", nargs="+", choices=known, default=known)
    parser.add_argument(
        "--observations",
        nargs="+",
        type=int,
        default=[100, 300, 1_000, 2_000, 5_000],
        help="numbers of past results",
    )
    parser.add_argument("--seeds", type=int, default=3, help="searches per row")
    options = parser.parse_args()
    if options.quick:
        options.seeds = 1
        options.observations = [300, 2_000]
    torch.set_num_threads(1)
    space = JointSpace(None, param_space())
    figures: dict[str, dict[int, dict[str, float]]] = {}
    for name in options.searchers:
        figures[name] = {}
        for observations in options.observations:
            spent = np.concatenate(
                [measure(name, space, observations, seed) for seed in range(options.seeds)]
            )
            cell = {
                "median": float(np.median(spent)),
                "mean": float(spent.mean()),
                "largest": float(spent.max()),
            }
            figures[name][observations] = {
                statistic: round(value, 2) for statistic, value in cell.items()
            }
            shown = ", ".join(f"{key} {value:.1f} ms" for key, value in cell.items())
            print(f"{name:22} {observations:6} results: {shown}", flush=True)
    print_result({"milliseconds": figures})


def param_space() -> dict[str, Any]:
    """An architecture together with two hyperparameters."""
    return {
        "arch": NASBench201(),
        "lr": tune.loguniform(1e-4, 1e-1),
        "decay": tune.loguniform(1e-6, 1e-2),
    }


if __name__ == "__main__":
    main()
