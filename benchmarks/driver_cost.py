"""Measures a searcher's cost in the driver: per call, per save, and per trial through Tune.

It also measures what `Resumable` adds to Ray's ASHA, by tenth of 10,000 trials.

    python benchmarks/driver_cost.py                     # 4,000 trials through Tune
    python benchmarks/driver_cost.py --quick             # 400
    python benchmarks/driver_cost.py --only resumable    # seconds

CPU times are those of the driver process. Through Tune, ours and a minimal searcher take turns
within one experiment, since Tune's own CPU time differs between two experiments by more than a
searcher costs. The last line is one JSON object.
"""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import numpy as np
import ray
from command_line import make_parser, print_result
from ray import tune
from ray.tune.schedulers import ASHAScheduler, TrialScheduler
from ray.tune.search import Searcher

from ray_nas.schedulers import Resumable
from ray_nas.searchers import LocalSearch, RandomSearch, RegularizedEvolution, Reinforce
from ray_nas.spaces import NASBench201, SearchSpace
from ray_nas.spaces.cells.cell_layers import EDGES
from ray_nas.spaces.nasbench201 import OPERATIONS


class Minimal(Searcher):
    """Random configs and no state: the least that any custom searcher costs."""

    def __init__(self) -> None:
        super().__init__(metric="score", mode="max")

    def suggest(self, trial_id: str) -> dict[str, str]:
        """A random cell."""
        return {f"edge_{source}_{node}": random.choice(OPERATIONS) for source, node in EDGES}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing."""

    def save(self, checkpoint_path: str) -> None:
        """An empty state."""
        Path(checkpoint_path).write_text("{}")

    def restore(self, checkpoint_path: str) -> None:
        """Nothing."""


class Trivial(tune.Trainable):
    """A trial that does nothing."""

    def setup(self, config: dict[str, Any]) -> None:
        """Does nothing."""

    def step(self) -> dict[str, Any]:
        """One result."""
        return {"score": random.random(), "done": True}

    def save_checkpoint(self, folder: str) -> dict[str, Any]:
        """An empty checkpoint."""
        return {}

    def load_checkpoint(self, state: dict[str, Any]) -> None:
        """Nothing."""

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Lets Tune reuse the actor."""
        return True


def large_space() -> SearchSpace:
    """A space so large that 10,000 past trials leave new configs to propose."""
    import ConfigSpace as CS

    config_space = CS.ConfigurationSpace()
    config_space.add(
        *[CS.CategoricalHyperparameter(f"edge_{index:02}", list(OPERATIONS)) for index in range(12)]
    )
    return SearchSpace(config_space)


def calls(kind: Any, trials: int) -> dict[str, float]:
    """Cost of a searcher's calls early and late in a search, and of saving its state.

    Returns:
        Median milliseconds of `suggest` plus `on_trial_complete` in the first and the last tenth,
        seconds of a first and a second save with all trials, and the size of the state file.
    """
    searcher = kind(large_space(), "score", "max", seed=0)
    rng = np.random.default_rng(0)
    times = []
    for number in range(trials):
        start = time.perf_counter()
        searcher.suggest(str(number))
        searcher.on_trial_complete(
            trial_id=str(number), result={"score": float(rng.normal()), "training_iteration": 1}
        )
        times.append(time.perf_counter() - start)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        searcher.save(f"{folder}/state.json")
        whole = time.perf_counter() - start
        start = time.perf_counter()
        searcher.save(f"{folder}/state.json")
        again = time.perf_counter() - start
        size = Path(folder, "state.json").stat().st_size
    tenth = trials // 10
    return {
        "ms_first_tenth": 1e3 * float(np.median(times[:tenth])),
        "ms_last_tenth": 1e3 * float(np.median(times[-tenth:])),
        "first_save_s": whole,
        "next_save_s": again,
        "state_bytes": size,
    }


class Bare:
    """The attributes of a trial that schedulers read."""

    def __init__(self, trial_id: str) -> None:
        self.trial_id = trial_id
        self.status = "RUNNING"


class Timed(ASHAScheduler):
    """Ray's ASHA, with the CPU seconds spent in its calls."""

    spent = 0.0

    def on_trial_add(self, *call: Any) -> None:
        """Timed."""
        self._timed(super().on_trial_add, call)

    def on_trial_result(self, *call: Any) -> Any:
        """Timed."""
        return self._timed(super().on_trial_result, call)

    def on_trial_complete(self, *call: Any) -> None:
        """Timed."""
        self._timed(super().on_trial_complete, call)

    def _timed(self, method: Any, call: Any) -> Any:
        start = time.process_time()
        found = method(*call)
        self.spent += time.process_time() - start
        return found


def resumable(trials: int, reports: int = 6) -> dict[str, Any]:
    """CPU milliseconds a trial, by tenth: in Ray's ASHA and in `Resumable` around it.

    Ray's cut-off reads the values of all earlier trials. Each trial is worse than the one before
    it, so it is stopped at its last report.
    """
    inner = Timed(
        time_attr="epoch", metric="score", mode="max", max_t=2 * reports, grace_period=reports
    )
    scheduler = Resumable(inner)
    tenths = []
    for start in range(0, trials, trials // 10):
        begin, inner.spent = time.process_time(), 0.0
        for number in range(start, start + trials // 10):
            trial = Bare(f"{number:05d}")
            scheduler.on_trial_add(None, trial)
            for epoch in range(1, reports + 1):
                result = {"epoch": epoch, "score": -number}
                scheduler.on_trial_result(None, trial, result)
            scheduler.on_trial_complete(None, trial, result)
        tenths.append((inner.spent, time.process_time() - begin - inner.spent))
    rays, ours = np.round(1e4 * np.array(tenths).T / trials, 4).tolist()
    return {
        "trials": trials,
        "reports": reports,
        "ms_by_tenth_in_resumable": ours,
        "ms_by_tenth_in_rays_asha": rays,
    }


class Alternating(Searcher):
    """Alternates between two searchers in blocks of trials and times each block in the driver.

    Both run in the same experiment on the same machine; each block is compared with the next.
    """

    def __init__(self, ours: Searcher, minimal: Searcher, block: int) -> None:
        super().__init__(metric="score", mode="max")
        self.searchers = (ours, minimal)
        self.block = block
        self.suggested = 0
        self.saving = 0.0
        self.turns: dict[str, int] = {}
        self.starts: list[float] = []
        """CPU time at the start of each block, without the time spent on saving."""

    def suggest(self, trial_id: str) -> Any:
        """Asks the searcher whose turn it is."""
        if self.suggested % self.block == 0:
            self.starts.append(time.process_time() - self.saving)
        self.turns[trial_id] = self.suggested // self.block % 2
        self.suggested += 1
        return self.searchers[self.turns[trial_id]].suggest(trial_id)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Passes the report to the searcher that proposed the trial."""
        self.searchers[self.turns[trial_id]].on_trial_result(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Passes the end of a trial to the searcher that proposed it."""
        self.searchers[self.turns[trial_id]].on_trial_complete(
            trial_id=trial_id, result=result, error=error
        )

    def save(self, checkpoint_path: str) -> None:
        """Saves ours; Tune saves by the clock, regardless of turns."""
        start = time.process_time()
        self.searchers[0].save(checkpoint_path)
        self.saving += time.process_time() - start

    def restore(self, checkpoint_path: str) -> None:
        """Nothing."""

    def figures(self) -> dict[str, Any]:
        """Median milliseconds per trial over each searcher's blocks, and their ratio.

        The time spent on saving our state is added to ours.
        """
        # The first two blocks start the workers.
        blocks = 1e3 * np.diff(self.starts)[2:] / self.block
        blocks = blocks[: len(blocks) // 2 * 2].reshape(-1, 2)
        blocks[:, 0] += 1e3 * self.saving / (self.suggested / 2)
        ours, minimal = np.median(blocks, axis=0)
        return {
            "ours_ms": float(ours),
            "minimal_ms": float(minimal),
            "ratio": float(ours / minimal),
            "quartiles_of_pairs": [
                float(value) for value in np.quantile(blocks[:, 0] / blocks[:, 1], (0.25, 0.75))
            ],
            "pairs": len(blocks),
        }


def through_tune(
    searcher: Searcher,
    trials: int,
    callbacks: Sequence[tune.Callback] = (),
    scheduler: TrialScheduler | None = None,
) -> float:
    """CPU seconds of the driver per trial of an experiment."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        results = tune.Tuner(
            tune.with_resources(Trivial, {"cpu": 1}),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=scheduler,
                num_samples=trials,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                storage_path=folder,
                name="run",
                verbose=0,
                callbacks=list(callbacks),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        ).fit()
        assert len(results) == trials
        return (time.process_time() - start) / trials


def paired(trials: int, block: int) -> dict[str, Any]:
    """Cost of a trial with ours and with a minimal searcher, in one experiment.

    Ray must be running.
    """
    searcher = Alternating(
        RegularizedEvolution(NASBench201(), "score", "max", seed=0), Minimal(), block
    )
    through_tune(searcher, trials)
    return {name: np.round(value, 4).tolist() for name, value in searcher.figures().items()}


def start_ray() -> None:
    """Starts Ray with two logical CPUs and no loggers."""
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    ray.init(address="local", num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False)


def parse_options() -> argparse.Namespace:
    parser = make_parser(__doc__, quick="400 trials in blocks of 20")
    parser.add_argument(
        "--past-trials", type=int, default=10_000, help="trials of the parts without Tune"
    )
    parser.add_argument(
        "--trials", type=int, default=4_000, help="trials of the experiment through Tune"
    )
    parser.add_argument("--block", type=int, default=50, help="consecutive trials of a searcher")
    parser.add_argument("--only", choices=["resumable"], help="run only this part")
    options = parser.parse_args()
    if options.quick:
        options.trials = 400
        options.block = 20
    return options


def main() -> None:
    """Prints every part and the JSON object."""
    options = parse_options()
    result: dict[str, Any] = {"resumable": resumable(options.past_trials)}
    print("Resumable", result["resumable"], flush=True)
    if options.only:
        print_result(result)
        return
    for kind in (RandomSearch, LocalSearch, RegularizedEvolution, Reinforce):
        row = calls(kind, options.past_trials)
        result[kind.__name__] = row
        print(kind.__name__, {name: round(value, 4) for name, value in row.items()}, flush=True)
    start_ray()
    result["through_tune"] = paired(options.trials, options.block)
    print_result(result)


if __name__ == "__main__":
    main()
