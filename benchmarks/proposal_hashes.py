"""Hashes every searcher's proposals, to verify that a change of the code preserves behaviour.

    python benchmarks/proposal_hashes.py > before.json
    python benchmarks/proposal_hashes.py --compare before.json

Each searcher makes 200 proposals (--trials) on three spaces, with one objective, two objectives and
a constraint, with failed trials, intermediate reports, several pending trials and a restore halfway
through. Equal seeds and events must give equal hashes. The last line is one JSON object: the hash
of each run, or with --compare the runs that differ.
"""

import hashlib
import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from command_line import make_parser, print_result
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
    """A raw space with a condition, an integer and a log-scaled float."""
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
    """A number in [0, 1) that depends only on the text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def metrics(config: Mapping[str, Any], epoch: int) -> dict[str, Any]:
    """Synthetic results: a smooth part that models can learn, and a hash of the whole config."""
    parts = [fraction(f"{name}={value!r}") for name, value in sorted(config.items())]
    quality = sum(parts) / len(parts) + 0.3 * fraction(json.dumps(dict(config), sort_keys=True))
    return {
        "accuracy": quality * (1 - 0.5**epoch),
        "latency": sum(part * (index + 1) for index, part in enumerate(parts)) / len(parts),
        "training_iteration": epoch,
    }


def drive(make: Callable[[], Any], trials: int) -> Iterator[str]:
    """One search with a restore halfway through: each proposal as text."""
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
        yield as_text(config)
        if not isinstance(config, dict):
            return
        running.append((trial_id, config))
        if len(running) == IN_FLIGHT:
            end(searcher, *running.pop(0))


def as_text(suggestion: object) -> str:
    """What a searcher suggests; equal for equal configs."""
    if isinstance(suggestion, dict):
        return json.dumps(suggestion, sort_keys=True)
    return repr(suggestion)


def end(searcher: Any, trial_id: str, config: dict[str, Any]) -> None:
    """Reports a trial: 1/8 fail, 1/8 are stopped early, 1/10 end with a NaN."""
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
    """The name of each run and a function that makes its searcher."""
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
    """Trials of a one-shot search: the supernet, batches of sub-networks, retrainings."""
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
        yield as_text(config)
        if not isinstance(config, dict):
            return
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
    parser = make_parser(__doc__, quick="60 proposals per run")
    parser.add_argument("--trials", type=int, default=200, help="proposals per run")
    parser.add_argument(
        "--compare", type=Path, help="output of an earlier run; exits with 1 if a hash differs"
    )
    options = parser.parse_args()
    trials = 60 if options.quick else options.trials
    hashes: dict[str, str] = {}
    for name, make in runs():
        hashes[name] = digest(drive(make, trials))
        print(f"{hashes[name]}  {name}", file=sys.stderr, flush=True)
    hashes["OneShot, nasbench201"] = digest(one_shot(trials))
    if options.compare is None:
        print_result({"trials": trials, "hashes": hashes})
        return
    before = json.loads(options.compare.read_text().splitlines()[-1])
    if before["trials"] != trials:
        parser.error(
            f"{options.compare} holds hashes of {before['trials']} proposals each, not of {trials}"
        )
    differing = [name for name in before["hashes"] if hashes.get(name) != before["hashes"][name]]
    print_result({"trials": trials, "runs": len(hashes), "differing": differing})
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
