"""Hashes what every searcher proposes, so that a change of the code can be shown to change nothing.

    python benchmarks/proposal_hashes.py > before.json
    python benchmarks/proposal_hashes.py --compare before.json

Each searcher makes 200 proposals (--trials) on three spaces, with one and with two objectives, with failures, reports of
running trials, several trials in flight and a restore half-way. Equal seeds and events must give equal hashes. The last
line is one JSON object: the hash of each run; with --compare, the runs that differ.
"""

import argparse
import hashlib
import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    InCondition,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)

from ray_nas import searchers
from ray_nas.searchers import OneShot
from ray_nas.spaces import ChainSpace, NASBench201, SearchSpace

IN_FLIGHT = 4
EPOCHS = 3
NAMES = [
    "RandomSearch",
    "GridSearch",
    "LocalSearch",
    "RegularizedEvolution",
    "NSGA2",
    "Reinforce",
    "BOHB",
    "Bananas",
]


def conditional() -> SearchSpace:
    """A raw space with a condition, an integer and a float on a log scale."""
    space = ConfigurationSpace()
    depth = UniformIntegerHyperparameter("depth", 1, 3)
    rate = UniformFloatHyperparameter("rate", 1e-4, 1e-1, log=True)
    second = CategoricalHyperparameter("second", ["conv", "pool", "skip"])
    space.add(depth, rate, second, InCondition(second, depth, [2, 3]))
    return SearchSpace(space)


SPACES: dict[str, Callable[[], SearchSpace]] = {
    "nasbench201": NASBench201,
    "chain": ChainSpace,
    "conditional": conditional,
}


def fraction(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def metrics(config: Mapping[str, Any], epoch: int) -> dict[str, Any]:
    """Made-up results: a smooth part for models to learn, and a part that depends on the whole config."""
    parts = [fraction(f"{name}={value!r}") for name, value in sorted(config.items())]
    quality = sum(parts) / len(parts) + 0.3 * fraction(json.dumps(dict(config), sort_keys=True))
    return {
        "accuracy": quality * (1 - 0.5**epoch),
        "latency": sum(part * (index + 1) for index, part in enumerate(parts)) / len(parts),
        "training_iteration": epoch,
    }


def drive(make: Callable[[], Any], trials: int) -> Iterator[str]:
    """One search, a restore half-way: each proposal as text."""
    searcher = make()
    running: list[tuple[str, dict[str, Any]]] = []
    for number in range(trials):
        if number == trials // 2:
            with tempfile.TemporaryDirectory() as folder:
                path = str(Path(folder) / "searcher-state.json")
                searcher.save(path)
                searcher = make()
                searcher.restore(path)
        trial_id = f"trial_{number}"
        config = searcher.suggest(trial_id)
        if not isinstance(config, dict):
            yield repr(config)
            return
        yield json.dumps(config, sort_keys=True)
        running.append((trial_id, config))
        if len(running) == IN_FLIGHT:
            end(searcher, *running.pop(0))


def end(searcher: Any, trial_id: str, config: dict[str, Any]) -> None:
    """Reports a trial; one in eight fails, one in eight is stopped early, one in ten is not finite."""
    luck = fraction(trial_id)
    for epoch in range(1, EPOCHS):
        searcher.on_trial_result(trial_id, metrics(config, epoch))
    if luck < 1 / 8:
        searcher.on_trial_complete(trial_id, error=True)
    elif luck < 1 / 4:
        searcher.on_trial_complete(trial_id)
    elif luck < 0.35:
        searcher.on_trial_complete(
            trial_id, {"accuracy": math.nan, "latency": 1.0, "training_iteration": EPOCHS}
        )
    else:
        searcher.on_trial_complete(trial_id, metrics(config, EPOCHS))


def runs() -> Iterator[tuple[str, Callable[[], Any]]]:
    """The name of each run, and what makes its searcher."""
    goals: dict[str, dict[str, Any]] = {
        "one objective": {"metric": "accuracy", "mode": "max"},
        "two objectives": {"objectives": {"accuracy": "max", "latency": "min"}},
        "constrained": {
            "metric": "accuracy",
            "mode": "max",
            "constraints": {"latency": (None, 1.2)},
        },
    }
    for name in NAMES:
        for space_name, space in SPACES.items():
            for goal_name, goal in goals.items():
                yield (
                    f"{name}, {space_name}, {goal_name}",
                    lambda name=name, space=space, goal=goal: getattr(searchers, name)(
                        space(), seed=7, **goal
                    ),
                )


def one_shot(trials: int) -> Iterator[str]:
    """The trials of a one-shot search: the supernet, batches of sub-networks, retrainings."""
    searcher = OneShot(
        NASBench201(),
        "accuracy",
        "max",
        evaluations=trials,
        evaluations_per_trial=20,
        retrain=3,
        seed=7,
    )
    number = 0
    while True:
        trial_id = f"trial_{number}"
        config = searcher.suggest(trial_id)
        if not isinstance(config, dict):
            yield repr(config)
            return
        yield json.dumps(config, sort_keys=True)
        if config["phase"] == "supernet":
            searcher.on_trial_complete(
                trial_id, {"weights": "supernet/checkpoint_000000", "accuracy": 0.5}
            )
        elif config["phase"] == "evaluate":
            found = {
                key: metrics(value, EPOCHS)
                for key, value in json.loads(config["sub_networks"]).items()
            }
            searcher.on_trial_complete(
                trial_id, {"sub_networks": json.dumps(found), "accuracy": 0.5}
            )
        else:
            searcher.on_trial_complete(trial_id, metrics(config["architecture"], EPOCHS))
        number += 1


def digest(lines: Iterator[str]) -> str:
    """A short hash of all lines."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="60 proposals each")
    parser.add_argument(
        "--compare", type=Path, help="what an earlier run printed: exits with 1 if a hash differs"
    )
    options = parser.parse_args()
    trials = 60 if options.quick else options.trials
    hashes: dict[str, str] = {}
    for name, make in runs():
        hashes[name] = digest(drive(make, trials))
        print(f"{hashes[name]}  {name}", file=sys.stderr, flush=True)
    hashes["OneShot, nasbench201"] = digest(one_shot(trials))
    if options.compare is None:
        print(json.dumps({"trials": trials, "hashes": hashes}))
        return
    before = json.loads(options.compare.read_text().splitlines()[-1])
    if before["trials"] != trials:
        parser.error(
            f"{options.compare} holds hashes of {before['trials']} proposals each, not of {trials}"
        )
    differing = [name for name in before["hashes"] if hashes.get(name) != before["hashes"][name]]
    print(json.dumps({"trials": trials, "runs": len(hashes), "differing": differing}))
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
