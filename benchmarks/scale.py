"""How far one driver reaches: 1,000 workers in virtual time, thousands of trials through Tune.

    python benchmarks/scale.py            # 100,000 trials in virtual time, 10,000 through Tune (an
    hour) python benchmarks/scale.py --quick    # 100,000 and 1,000

Virtual time: `RegularizedEvolution` on the hierarchical space (8.8e13 networks) and
`LearningCurveASHA` decide on synthetic learning curves, on 1,000 workers. `idle_share` is the part
of the workers' time without a trial, from the first trial to the start of the last; the CPU time of
each decision is added to it, as if its worker waited for it. At the end of a search that has a
number of trials, and not a time, workers run out of work: `tail_share` is that part, of the whole
time.

Through Tune: trials that cost nothing. `growth` is the driver's CPU time of a trial in the last
tenth over that in the second, with `LearningCurveASHA` as the scheduler (`soak_with_fifo` has it
with Tune's own); `overhead_ratio` is it with our searcher over it with a minimal one that takes
turns with ours in the same experiment. Each experiment has a process of its own, so that its memory
is not what an earlier one left.

The last line is one JSON object.
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
    """A training of made-up accuracy: more convolutions are better, to a point, and cost more
    seconds an epoch.
    """
    convolutions = sum("conv" in str(value) for value in config.values())
    top = 0.5 + 0.4 * math.tanh(convolutions / 8) + 0.02 * rng.normal()
    rate = 0.06 + 0.2 * rng.random()
    for epoch in range(1, MAX_T + 1):
        accuracy = top - 0.4 * math.exp(-rate * epoch) + 0.005 * rng.normal()
        yield 30.0 + 6.0 * convolutions, {"accuracy": accuracy, "epoch": epoch}


class Decisions(RegularizedEvolution):
    """Notes the CPU time at each proposal."""

    def suggest(self, trial_id: str) -> Any:
        """As before."""
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
    within = sum(
        min(trial.ended or last, last) - (trial.started or 0.0) for trial in history.trials
    )  # none is ever paused
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
    """A tenth to a whole GPU; large networks need the kind with more memory."""
    convolutions = sum("conv" in str(value) for value in config.values())
    kind = "A100" if convolutions > 8 else "T4"
    return {
        "CPU": 1,
        "GPU": round(min(1.0, 0.1 + convolutions % 9 / 10), 1),
        f"accelerator_type:{kind}": 0.001,
    }


def on_a_cluster(trials: int, max_pending: int) -> dict[str, Any]:
    """The same search on 1,000 GPUs of two kinds whose nodes fail once in ten hours, in virtual
    time.
    """
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
    """CPU seconds inside of Tune's calls to a searcher or a scheduler; a call within a call
    counts once.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._inside = False

    def clock(self, owner: Any, *names: str) -> None:
        """Counts these methods of an object."""
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
    """The driver's CPU time, that within our calls, the clock and the driver's memory at the end
    of each trial.
    """

    def __init__(self, own: OwnTime) -> None:
        self._own = own
        self.cpu: list[float] = []
        self.ours: list[float] = []
        self.clock: list[float] = []
        self.rss: list[float] = []

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Notes them."""
        self.cpu.append(time.process_time())
        self.ours.append(self._own.seconds)
        self.clock.append(time.perf_counter())
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.rss.append(pages * resource.getpagesize() / 2**20)


def soak(trials: int, scheduler: TrialScheduler | None = None) -> dict[str, Any]:
    """An experiment of trials that cost nothing; each tenth's milliseconds of a trial, and
    megabytes at its end.

    Tune's own scheduler looks through all trials that ever were at each decision; ours through
    those that have not ended. Now and then Tune writes the state of all trials that ever were,
    which makes single trials dear: `median_of_blocks` leaves that out.
    """
    searcher, own = RegularizedEvolution(large_space(), "score", "max", seed=0), OwnTime()
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
    """What the driver has allocated when a fifth of the trials have ended, and before the last
    one ends.
    """

    def __init__(self, trials: int) -> None:
        self.trials, self.ended = trials, 0
        self.snapshots: list[tracemalloc.Snapshot] = []

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Notes it."""
        self.ended += 1
        if self.ended in (self.trials // 5, self.trials - 1):
            gc.collect()
            self.snapshots.append(tracemalloc.take_snapshot())


def live_trials_alone() -> LearningCurveASHA:
    """Our scheduler for trials of one report: it looks at those that have not ended."""
    return LearningCurveASHA(time_attr="training_iteration", max_t=2, metric="score", mode="max")


def memory(trials: int) -> dict[str, Any]:
    """Kilobytes that a trial which has ended leaves in the driver, and how many of them were
    allocated below a call of ours.
    """
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
    """Milliseconds by tenth of an experiment, a line for each that was measured; the driver's
    memory beside them.
    """
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
                    label="of it, in calls of ours",
                )
    time_panel.set(
        xlabel="tenth of the experiment",
        ylabel="CPU ms of the driver, of a trial",
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
    """What an experiment through Tune returns, in a process and a Ray of its own."""
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=start_ray) as process:
        return process.submit(experiment, *arguments).result()


PARTS = "virtual", "cluster", "paired", "memory", "soak_with_fifo", "soak"


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="under ten minutes on two cores")
    parser.add_argument("--virtual-trials", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=1_000)
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
            f"--virtual-trials must be above --workers ({options.workers}), got {options.virtual_trials}: nobody would ever be idle"
        )
    few = options.quick
    length = options.soak_trials or (1_000 if few else 10_000)
    measures: dict[str, Callable[[], Any]] = {
        "virtual": lambda: in_virtual_time(options.virtual_trials, options.workers),
        "cluster": lambda: [
            on_a_cluster(options.virtual_trials // 20, max_pending) for max_pending in (1, 100)
        ],
        "paired": lambda: alone(
            paired, options.paired_trials or (1_000 if few else 4_000), 20 if few else 50
        ),
        "memory": lambda: alone(memory, 300 if few else 2_000),
        "soak_with_fifo": lambda: alone(soak, length),
        "soak": lambda: alone(soak, length, live_trials_alone()),
    }
    figures: dict[str, Any] = {}
    for name in options.only or measures:
        figures[name] = measures[name]()
        print(f"{name}: {figures[name]}", flush=True)
    if options.figure:
        draw(options.figure, figures)
    heads = {
        "idle_share": ("virtual", "idle_share"),
        "overhead_ratio": ("paired", "ratio"),
        "growth": ("soak", "growth"),
    }
    print(
        json.dumps(
            {
                name: figures[part][figure]
                for name, (part, figure) in heads.items()
                if part in figures
            }
            | figures
        )
    )


if __name__ == "__main__":
    main()
