"""How well one driver scales: 1,000 workers in virtual time, thousands of trials through Tune.

    python benchmarks/scale.py            # 100,000 virtual trials, 10,000 through Tune (an hour)
    python benchmarks/scale.py --quick    # 100,000 and 1,000

Virtual time: `RegularizedEvolution` on the hierarchical space (8.8e13 networks) and
`LearningCurveASHA` run on synthetic learning curves with 1,000 workers. `idle_share` is the share
of worker time without a trial, from the first trial to the start of the last; the CPU time of each
decision is added to it, as if its worker waited for it. `tail_share` is the share of the whole time
that workers are idle, including the end of the search, when no trials are left to start.

Through Tune: trials that do nothing. `growth` is the driver's CPU time per trial in the last tenth
divided by that in the second, with `LearningCurveASHA` as the scheduler (`soak_with_fifo` uses
Tune's own). `overhead_ratio` is the driver's CPU time per trial with our searcher divided by that
with a minimal one, which alternates with ours in the same experiment. Each experiment has its own
process, so that its memory does not include an earlier one's. The last line is one JSON object.
"""

import argparse
import gc
import json
import math
import resource
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from command_line import make_parser, print_result
from driver_cost import large_space, paired, start_ray, through_tune
from ray import tune
from ray.tune.schedulers import TrialScheduler

import ray_nas
from ray_nas.schedulers import LearningCurveASHA
from ray_nas.searchers import RegularizedEvolution
from ray_nas.simulation import VirtualCluster, simulate
from ray_nas.spaces import HierarchicalSpace

MAX_T = 27
"""Epochs of a full training."""


def learning_curve(
    config: dict[str, Any], rng: np.random.Generator
) -> Iterator[tuple[float, dict[str, float]]]:
    """A synthetic training, in which convolutions raise the accuracy and the cost of an epoch."""
    convolutions = sum("conv" in str(value) for value in config.values())
    top = 0.5 + 0.4 * math.tanh(convolutions / 8) + 0.02 * rng.normal()
    rate = 0.06 + 0.2 * rng.random()
    for epoch in range(1, MAX_T + 1):
        accuracy = top - 0.4 * math.exp(-rate * epoch) + 0.005 * rng.normal()
        yield 30.0 + 6.0 * convolutions, {"accuracy": accuracy, "epoch": epoch}


class Decisions(RegularizedEvolution):
    """Records the CPU time at each proposal."""

    def suggest(self, trial_id: str) -> Any:
        """Records the time, then proposes a config."""
        self.__dict__.setdefault("stamps", []).append(time.process_time())
        return super().suggest(trial_id)


def in_virtual_time(trials: int, workers: int) -> dict[str, Any]:
    """A search on virtual workers."""
    space = HierarchicalSpace()
    searcher = Decisions(space, "accuracy", "max", seed=0)
    scheduler = LearningCurveASHA(time_attr="epoch", max_t=MAX_T)
    start, start_cpu = time.perf_counter(), time.process_time()
    history = simulate(
        learning_curve, searcher, scheduler, num_workers=workers, max_trials=trials, seed=0
    )
    wall, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    last = max(trial.started or 0.0 for trial in history.trials)
    # No trial is ever paused.
    within = sum(
        min(trial.ended or last, last) - (trial.started or 0.0) for trial in history.trials
    )
    busy = sum(trial.seconds for trial in history.trials)
    each = np.diff(searcher.__dict__["stamps"])
    by_tenth = [1e3 * float(part.mean()) for part in np.array_split(each, 10)]
    return {
        "trials": len(history.trials),
        "architectures": f"{space.size:.1e}",
        "workers": workers,
        "wall_s": round(wall, 1),
        "cpu_s": round(cpu, 1),
        "virtual_hours": round(history.seconds / 3600, 2),
        "reports": sum(len(trial.results) for trial in history.trials),
        "idle_share": round((workers * last - within + cpu) / (workers * last), 5),
        "tail_share": round(1 - busy / (workers * history.seconds), 4),
        "cpu_ms_of_a_trial_by_tenth": np.round(by_tenth, 3).tolist(),
        "scheduler_state_mb": round(len(json.dumps(scheduler.get_state())) / 1e6, 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def share_of(config: dict[str, Any]) -> dict[str, float]:
    """A tenth of a GPU to a whole one; large networks need the GPU with more memory."""
    convolutions = sum("conv" in str(value) for value in config.values())
    kind = "A100" if convolutions > 8 else "T4"
    return {
        "CPU": 1,
        "GPU": round(min(1.0, 0.1 + convolutions % 9 / 10), 1),
        f"accelerator_type:{kind}": 0.001,
    }


def on_a_cluster(trials: int, max_pending: int) -> dict[str, Any]:
    """The same search on 1,000 virtual GPUs of two kinds, with node failures every ten hours."""
    nodes = [
        {"CPU": 96, "GPU": 8, f"accelerator_type:{kind}": 1} for kind in ["T4"] * 75 + ["A100"] * 50
    ]
    cluster = VirtualCluster(
        nodes,
        share_of,
        max_pending,
        mean_uptime=36_000,
        repair_seconds=600,
        checkpoint_frequency=3,
        seed=0,
    )
    searcher = RegularizedEvolution(HierarchicalSpace(), "accuracy", "max", seed=0)
    start = time.process_time()
    history = simulate(
        learning_curve,
        searcher,
        LearningCurveASHA(time_attr="epoch", max_t=MAX_T),
        cluster=cluster,
        max_trials=trials,
        seed=0,
    )
    return {
        "trials": len(history.trials),
        "cpu_s": round(time.process_time() - start, 1),
        "max_pending": max_pending,
        "virtual_hours": round(history.seconds / 3600, 2),
        "gpus_used": round(history.utilization["GPU"], 3),
        "interrupted": sum(trial.failures for trial in history.trials),
        "unfinished": sum(trial.ended is None for trial in history.trials),
    }


class OwnTime:
    """CPU seconds in Tune's calls to a searcher or a scheduler; nested calls count once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._inside = False

    def clock(self, owner: Any, *names: str) -> None:
        """Times these methods of an object."""
        for name in names:
            setattr(owner, name, self._clocked(getattr(owner, name)))

    def _clocked(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def clocked(*arguments: Any, **named: Any) -> Any:
            if self._inside:
                return method(*arguments, **named)
            self._inside, start = True, time.thread_time()
            try:
                return method(*arguments, **named)
            finally:
                self._inside = False
                self.seconds += time.thread_time() - start

        return clocked


class Stamps(tune.Callback):
    """Records the driver's CPU time, wall-clock time and memory at the end of each trial.

    `ours` is the CPU time within our own calls.
    """

    def __init__(self, own: OwnTime) -> None:
        self._own = own
        self.cpu: list[float] = []
        self.ours: list[float] = []
        self.clock: list[float] = []
        self.rss: list[float] = []

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Records the times and the memory."""
        self.cpu.append(time.process_time())
        self.ours.append(self._own.seconds)
        self.clock.append(time.perf_counter())
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.rss.append(pages * resource.getpagesize() / 2**20)


def soak(trials: int, scheduler: TrialScheduler | None = None) -> dict[str, Any]:
    """An experiment of trials that do nothing: time per trial and memory, by tenth.

    Tune's own scheduler scans all past trials at each decision, ours only those that have not
    ended. From time to time Tune writes the state of all past trials, which makes single trials
    expensive: `median_of_blocks` excludes them.
    """
    searcher = RegularizedEvolution(large_space(), "score", "max", seed=0)
    own = OwnTime()
    own.clock(searcher, "suggest", "on_trial_result", "on_trial_complete", "save")
    if scheduler is not None:
        own.clock(
            scheduler, "on_trial_add", "on_trial_result", "on_trial_complete", "choose_trial_to_run"
        )
    stamps = Stamps(own)
    through_tune(searcher, trials, [stamps], scheduler)
    cpu, ours, clock = (
        np.array_split(1e3 * np.diff(times), 10)
        for times in (stamps.cpu, stamps.ours, stamps.clock)
    )
    means = {
        "cpu_ms_of_a_trial_by_tenth": [part.mean() for part in cpu],
        "median_of_blocks_by_tenth": [
            np.median([block.mean() for block in np.array_split(part, max(1, len(part) // 20))])
            for part in cpu
        ],
        "ours_by_tenth": [part.mean() for part in ours],
        "clock_ms_of_a_trial_by_tenth": [part.mean() for part in clock],
        "rss_mb_by_tenth": [part[-1] for part in np.array_split(stamps.rss, 10)],
    }
    growths = ["growth", "growth_of_medians", "growth_of_ours", "clock_growth", "rss_growth"]
    return {
        "trials": trials,
        **{name: np.round(values, 3).tolist() for name, values in means.items()},
        **{
            name: round(float(values[-1] / values[1]), 3)
            for name, values in zip(growths, means.values(), strict=True)
        },
    }


class Allocations(tune.Callback):
    """Snapshots of the driver's memory after a fifth of the trials and before the last one."""

    def __init__(self, trials: int) -> None:
        self.trials = trials
        self.ended = 0
        self.snapshots: list[tracemalloc.Snapshot] = []

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Takes a snapshot at the two trials."""
        self.ended += 1
        if self.ended in (self.trials // 5, self.trials - 1):
            gc.collect()
            self.snapshots.append(tracemalloc.take_snapshot())


def live_trials_alone() -> LearningCurveASHA:
    """Our scheduler for trials of one report: it scans only those that have not ended."""
    return LearningCurveASHA(time_attr="training_iteration", max_t=2, metric="score", mode="max")


def memory(trials: int) -> dict[str, Any]:
    """Kilobytes that a finished trial leaves in the driver, and the part allocated by our code."""
    allocations = Allocations(trials)
    tracemalloc.start(10)
    try:
        through_tune(
            RegularizedEvolution(large_space(), "score", "max", seed=0),
            trials,
            [allocations],
            live_trials_alone(),
        )
    finally:
        tracemalloc.stop()
    early, late = allocations.snapshots
    counted = trials - 1 - trials // 5
    growth = {True: 0.0, False: 0.0}
    own = str(Path(ray_nas.__file__).parent)
    for difference in late.compare_to(early, "traceback"):
        growth[any(frame.filename.startswith(own) for frame in difference.traceback)] += (
            difference.size_diff / 1024 / counted
        )
    return {
        "trials": trials,
        "kb_of_a_trial": round(sum(growth.values()), 2),
        "kb_of_a_trial_ours": round(growth[True], 2),
    }


LABELS = {
    "soak_with_fifo": "through Tune, its FIFO scheduler",
    "soak": "through Tune, LearningCurveASHA",
    "virtual": "searcher and scheduler in virtual time",
}


def draw(path: Path, figures: dict[str, Any]) -> None:
    """Draws CPU time and memory of the driver by tenth, one line per measured experiment."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    picture, (time_panel, memory_panel) = pyplot.subplots(
        1, 2, figsize=(12, 4), layout="constrained"
    )
    tenths = range(1, 11)
    for name, label in LABELS.items():
        if name in figures:
            label = f"{label}, {figures[name]['trials']:,} trials"
            time_panel.plot(
                tenths, figures[name]["cpu_ms_of_a_trial_by_tenth"], marker="o", label=label
            )
            if name != "virtual":
                memory_panel.plot(tenths, figures[name]["rss_mb_by_tenth"], marker="o", label=label)
            if name == "soak":
                colour = time_panel.lines[-1].get_color()
                time_panel.plot(
                    tenths,
                    figures[name]["ours_by_tenth"],
                    linestyle=":",
                    color=colour,
                    label="of which in our calls",
                )
    time_panel.set(
        xlabel="tenth of the experiment",
        ylabel="CPU ms of the driver per trial",
        yscale="log",
        ylim=(0.02, None),
    )
    memory_panel.set(
        xlabel="tenth of the experiment", ylabel="memory of the driver, MB", ylim=(0, None)
    )
    for panel in (time_panel, memory_panel):
        panel.legend(fontsize="small", loc="lower left")
    picture.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def alone(experiment: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Runs an experiment through Tune in a new process with its own Ray."""
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=start_ray) as process:
        return process.submit(experiment, *arguments).result()


PARTS = "virtual", "cluster", "paired", "memory", "soak_with_fifo", "soak"


def parse_options() -> argparse.Namespace:
    parser = make_parser(__doc__, quick="under ten minutes on two cores")
    parser.add_argument(
        "--virtual-trials", type=int, default=100_000, help="trials in virtual time"
    )
    parser.add_argument("--workers", type=int, default=1_000, help="workers in virtual time")
    parser.add_argument("--soak-trials", type=int, help="10,000; 1,000 with --quick")
    parser.add_argument("--paired-trials", type=int, help="4,000; 1,000 with --quick")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, metavar="PART", help=f"some of {', '.join(PARTS)}"
    )
    parser.add_argument(
        "--figure", type=Path, help="where to draw the curves, e.g. scale.svg (needs matplotlib)"
    )
    options = parser.parse_args()
    if options.virtual_trials <= options.workers:
        parser.error(
            f"--virtual-trials must be above --workers ({options.workers}), "
            f"got {options.virtual_trials}: no worker would ever be idle"
        )
    options.soak_trials = options.soak_trials or (1_000 if options.quick else 10_000)
    options.paired_trials = options.paired_trials or (1_000 if options.quick else 4_000)
    return options


def main() -> None:
    """Prints every part and the JSON object."""
    options = parse_options()
    quick = options.quick
    measures: dict[str, Callable[[], Any]] = {
        "virtual": lambda: in_virtual_time(options.virtual_trials, options.workers),
        "cluster": lambda: [
            on_a_cluster(options.virtual_trials // 20, max_pending) for max_pending in (1, 100)
        ],
        "paired": lambda: alone(paired, options.paired_trials, 20 if quick else 50),
        "memory": lambda: alone(memory, 300 if quick else 2_000),
        "soak_with_fifo": lambda: alone(soak, options.soak_trials),
        "soak": lambda: alone(soak, options.soak_trials, live_trials_alone()),
    }
    result: dict[str, Any] = {}
    for name in options.only or measures:
        result[name] = measures[name]()
        print(f"{name}: {result[name]}", flush=True)
    if options.figure:
        draw(options.figure, result)
    headlines = {
        "idle_share": ("virtual", "idle_share"),
        "overhead_ratio": ("paired", "ratio"),
        "growth": ("soak", "growth"),
    }
    summary = {name: result[part][key] for name, (part, key) in headlines.items() if part in result}
    print_result(summary | result)


if __name__ == "__main__":
    main()
