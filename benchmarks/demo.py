"""Repeats the comparison of `examples/quickstart.py` over 20 seeds: does evolution find more?

    python benchmarks/demo.py --quick     # two seeds with a tenth of the epochs: minutes
    python benchmarks/demo.py             # 20 seeds: forty minutes on one idle core

The space, the training, the limit, the searchers, the scheduler and the budgets are those of the
demo, imported from it. A seed draws new data, and seeds the searches and the networks. The very
searcher and scheduler objects decide, but on a virtual clock (`ray_nas.simulation`) in one process:
two workers, each epoch takes one unit of time. So the decisions are of the same kind as under Tune,
and they can be repeated exactly, which Tune's order of events cannot.

A finished seed is one line of JSON in --results, and is not run again. The table shows the mean
test accuracy, and the paired difference of evolution and each of the others over seeds: the median,
the mean and its 95 % interval (Student's t). An interval above 0 says that evolution is ahead. The
last line is one JSON object.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from command_line import make_parser, print_result
from intervals import student_half_width

from ray_nas.simulation import simulate

# After this folder: both have a file of the name tables.py
sys.path.append(str(Path(__file__).parents[1] / "examples"))
import quickstart as demo

OURS = "evolution"
NAMES = list(demo.searchers(0))
QUICK_SEEDS, QUICK_EPOCHS = 2, 40


def searched(name: str, data: dict[str, demo.Part], seed: int, epochs: int) -> dict[str, Any]:
    """The config of the best trial of a search, with what all trials share."""
    shared = {**demo.RECIPE, "seed": seed}

    def objective(config: dict[str, Any]) -> Any:
        for result in demo.training({**shared, **config}, data):
            yield 1.0, result

    history = simulate(
        objective,
        demo.searchers(seed)[name],
        demo.scheduler(),
        num_workers=2,
        max_seconds=epochs / 2,
    )
    reported = [trial for trial in history.trials if trial.metrics]
    best = max(reported, key=lambda trial: trial.metrics["accuracy"])
    return {
        **shared,
        **best.config,
        "validation": best.metrics["accuracy"],
        "trials": len(reported),
    }


def run_seed(seed: int, epochs: int) -> dict[str, Any]:
    """All ways to search for one seed: what they found, its test accuracies, CPU seconds."""
    data = demo.series(seed)
    outcome: dict[str, Any] = {"seed": seed, "epochs": epochs}
    for name in NAMES:
        start = time.process_time()
        config = searched(name, data, seed, epochs)
        seconds = time.process_time() - start
        outcome[name] = {
            "test": [demo.test_accuracy(config, data, again) for again in range(3)],
            "validation": config["validation"],
            "trials": config["trials"],
            "cpu_seconds": round(seconds, 1),
            "multiply_adds": demo.multiply_adds(config),
            "config": config,
        }
    return outcome


def difference(outcomes: list[dict[str, Any]], other: str) -> dict[str, Any]:
    """Evolution's mean test accuracy minus another's, paired by seed, in percentage points."""
    values = [100 * (np.mean(one[OURS]["test"]) - np.mean(one[other]["test"])) for one in outcomes]
    mean, half_width = float(np.mean(values)), student_half_width(values)
    return {
        "median": round(float(np.median(values)), 2),
        "mean": round(mean, 2),
        "interval": [round(mean - half_width, 2), round(mean + half_width, 2)],
        "wins": int(np.sum(np.array(values) > 0)),
    }


def finished(path: Path, epochs: int) -> dict[int, dict[str, Any]]:
    """The seeds that are done with this budget."""
    lines = path.read_text().splitlines() if path.exists() else []
    outcomes = [json.loads(line) for line in lines]
    return {one["seed"]: one for one in outcomes if one["epochs"] == epochs}


def show(outcomes: list[dict[str, Any]]) -> dict[str, Any]:
    """Prints the table; the figures of the last line."""
    result: dict[str, Any] = {"seeds": len(outcomes), "test": {}, "evolution minus": {}}
    print(f"\n{'':26s}  test accuracy   trials  CPU s  multiply-adds")
    for name in NAMES:
        means = [100 * float(np.mean(one[name]["test"])) for one in outcomes]
        result["test"][name] = [round(np.mean(means), 2), round(student_half_width(means), 2)]
        rest = [
            np.mean([one[name][key] for one in outcomes])
            for key in ("trials", "cpu_seconds", "multiply_adds")
        ]
        mean, half_width = result["test"][name]
        print(
            f"{name:26s}  {mean:5.2f} +- {half_width:5.2f}  "
            f"{rest[0]:6.0f} {rest[1]:6.0f} {rest[2]:14,.0f}"
        )
    print("\nevolution minus             median   mean   95 % interval   ahead in")
    for name in NAMES:
        if name != OURS:
            figures = result["evolution minus"][name] = difference(outcomes, name)
            low, high = figures["interval"]
            print(
                f"{name:26s}  {figures['median']:6.2f} {figures['mean']:6.2f}   "
                f"[{low:5.2f}, {high:5.2f}]   {figures['wins']} of {len(outcomes)} seeds"
            )
    return result


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = make_parser(__doc__, quick=f"{QUICK_SEEDS} seeds, {QUICK_EPOCHS} epochs for a search")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(20)))
    parser.add_argument("--epochs", type=int, default=demo.BUDGET, help="epochs of one search")
    parser.add_argument("--results", type=Path, default=Path("demo.jsonl"))
    options = parser.parse_args(arguments)
    if options.quick:
        options.seeds = options.seeds[:QUICK_SEEDS]
        options.epochs = min(options.epochs, QUICK_EPOCHS)
    return options


def main() -> None:
    options = options_of()
    torch.set_num_threads(1)
    done = finished(options.results, options.epochs)
    for seed in options.seeds:
        if seed not in done:
            done[seed] = run_seed(seed, options.epochs)
            with options.results.open("a") as file:
                file.write(json.dumps(done[seed]) + "\n")
        tests = {name: round(float(np.mean(done[seed][name]["test"])), 4) for name in NAMES}
        print(f"seed {seed}: {tests}", flush=True)
    print_result(show([done[seed] for seed in options.seeds]))


if __name__ == "__main__":
    main()
