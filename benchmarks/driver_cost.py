"""What a searcher costs the driver: per call, per save, and per trial through Tune beside a minimal searcher.

    python benchmarks/driver_cost.py            # five pairs of 1,000 trials through Tune
    python benchmarks/driver_cost.py --quick    # one pair of 200

CPU time is the driver process's own. The last line is one JSON object.
"""

import argparse
import json
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import numpy as np
import ray
from ray import tune
from ray.tune.search import Searcher

from ray_nas.searchers import LocalSearch, RandomSearch, RegularizedEvolution
from ray_nas.spaces import NASBench201, SearchSpace
from ray_nas.spaces.nasbench201 import EDGES, OPERATIONS


class Minimal(Searcher):
    """Random dicts and no memory: what any custom searcher costs."""

    def __init__(self) -> None:
        super().__init__(metric="score", mode="max")

    def suggest(self, trial_id: str) -> dict[str, str]:
        """A random cell."""
        return {f"edge_{source}_{node}": random.choice(OPERATIONS) for source, node in EDGES}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Nothing."""

    def save(self, checkpoint_path: str) -> None:
        """An empty state."""
        Path(checkpoint_path).write_text("{}")

    def restore(self, checkpoint_path: str) -> None:
        """Nothing."""


class Trivial(tune.Trainable):
    """A trial that costs nothing itself."""

    def setup(self, config: dict[str, Any]) -> None:
        """Keeps nothing."""

    def step(self) -> dict[str, Any]:
        """One result."""
        return {"score": random.random(), "done": True}

    def save_checkpoint(self, folder: str) -> dict[str, Any]:
        """An empty checkpoint."""
        return {}

    def load_checkpoint(self, state: dict[str, Any]) -> None:
        """Nothing."""

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The actor is used again."""
        return True


def large_space() -> SearchSpace:
    """More than 10,000 classes, so that 10,000 past trials leave something new."""
    import ConfigSpace as CS

    config_space = CS.ConfigurationSpace()
    config_space.add(*[CS.CategoricalHyperparameter(f"edge_{index:02}", list(OPERATIONS)) for index in range(12)])
    return SearchSpace(config_space)


def calls(kind: Any, trials: int) -> dict[str, float]:
    """Medians of `suggest` + `on_trial_complete` early and late, and of a save with all the trials."""
    searcher = kind(large_space(), "score", "max", seed=0)
    rng = np.random.default_rng(0)
    times = []
    for number in range(trials):
        start = time.perf_counter()
        searcher.suggest(str(number))
        searcher.on_trial_complete(trial_id=str(number), result={"score": float(rng.normal()), "training_iteration": 1})
        times.append(time.perf_counter() - start)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        searcher.save(f"{folder}/state.json")
        whole = time.perf_counter() - start
        start = time.perf_counter()
        searcher.save(f"{folder}/state.json")
        again = time.perf_counter() - start
    tenth = trials // 10
    return {
        "ms_first_tenth": 1e3 * float(np.median(times[:tenth])),
        "ms_last_tenth": 1e3 * float(np.median(times[-tenth:])),
        "first_save_s": whole,
        "next_save_s": again,
    }


def through_tune(searcher: Searcher, trials: int) -> float:
    """CPU seconds of the driver for each trial of an experiment."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        results = tune.Tuner(
            tune.with_resources(Trivial, {"cpu": 1}),
            tune_config=tune.TuneConfig(
                search_alg=searcher, num_samples=trials, reuse_actors=True, trial_dirname_creator=lambda trial: trial.trial_id
            ),
            run_config=tune.RunConfig(
                storage_path=folder, name="run", verbose=0, callbacks=[], checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False)
            ),
        ).fit()
        assert len(results) == trials
        return (time.process_time() - start) / trials


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--past-trials", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=1_000, help="trials of an experiment through Tune")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one pair of 200 trials")
    options = parser.parse_args()
    if options.quick:
        options.trials, options.pairs = 200, 1
    figures: dict[str, Any] = {}
    for kind in (RandomSearch, LocalSearch, RegularizedEvolution):
        figures[kind.__name__] = calls(kind, options.past_trials)
        print(kind.__name__, {name: round(value, 4) for name, value in figures[kind.__name__].items()})
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    ray.init(address="local", num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False)
    through_tune(Minimal(), 50)  # warm
    ratios = []
    for pair in range(options.pairs):
        searchers = [RegularizedEvolution(NASBench201(), "score", "max", seed=pair), Minimal()]
        costs = [through_tune(searcher, options.trials) for searcher in searchers[:: 1 if pair % 2 else -1]]
        ours, minimal = costs[:: 1 if pair % 2 else -1]  # the order changes from pair to pair
        ratios.append(ours / minimal)
        print(f"pair {pair + 1}: {1e3 * ours:.2f} ms and {1e3 * minimal:.2f} ms of CPU a trial, ratio {ratios[-1]:.3f}", flush=True)
    figures["tune_cpu_ratio"] = {"median": float(np.median(ratios)), "all": ratios}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
