"""What an earlier search on one series data set is worth on the others, at equal CPU seconds.

A search on the source finds a network, and leaves a record and learning curves. On each target:

- hand-made: LITE with its defaults, no search.
- network: the source's network, trained on the target; no search.
- weights: the same, from the source's weights (`ray_nas.export.transfer`).
- anew: a search that knows nothing of the source.
- start_from: the same search, which tries the source's five best first.
- prior: the same search with `LearningCurveASHA(prior=...)`, which knows the source's curves.

Then a continuous run: a search on half of the target's training data; once all have come, a search
that goes on with `start_from`, one that begins anew, and the old pick trained on all data.

Each search has the same CPU seconds; test points are means of three trainings, each from its own
seed. Differences within the spread of resamples say nothing: one resample is printed at a time.

    python benchmarks/transfer.py --source PLAID --targets OSULeaf ACSF1 --seconds 20
"""

import logging
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import ray
import torch
from command_line import check_names, make_parser, parse, print_result
from pay_arms import RETRAININGS, Outcome, Searches
from pay_spaces import Setting, setting
from pay_tasks import ALL, Task, load
from pay_training import constant, figures, train, trained
from ray import tune

from ray_nas.export import transfer
from ray_nas.record import load as load_record
from ray_nas.schedulers import LearningCurveASHA
from ray_nas.searchers import ArchitectureSearcher, RandomSearch, RegularizedEvolution, start_from
from ray_nas.trials import save_checkpoint

SERIES: Final = [name for name, source in ALL.items() if source.kind == "series"]
Row = dict[str, float]
"""Test points by method."""


class Recorded:
    """Makes a searcher and keeps it, so that its record can be saved.

    Args:
        record: A folder to start from; None to begin anew.
    """

    def __init__(self, record: Path | None = None) -> None:
        self._record = record
        self.searcher: ArchitectureSearcher | None = None

    def __call__(self, **arguments: Any) -> ArchitectureSearcher:
        """A searcher with these arguments."""
        searcher = RegularizedEvolution(**arguments)
        if self._record is not None:
            searcher = start_from(searcher, load_record(self._record))
        self.searcher = searcher
        return searcher

    def save(self, folder: Path) -> Path:
        """Writes the search's record."""
        assert self.searcher is not None
        folder.mkdir()
        self.searcher.save(str(folder / "state.json"))
        return folder


def main() -> None:
    parser = make_parser(__doc__, "5 seconds, from ItalyPowerDemand to ArrowHead")
    parser.add_argument("--source", default="PLAID")
    parser.add_argument("--targets", nargs="*", default=["OSULeaf", "ACSF1", "JapaneseVowels"])
    parser.add_argument("--continuous", nargs="*", default=["JapaneseVowels"])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--resample", type=int, default=0)
    options = parse(parser, seconds=5)
    if options.quick:
        options.source, options.targets = "ItalyPowerDemand", ["ArrowHead"]
        options.continuous = ["ItalyPowerDemand"]
    check_names(parser, "--targets", [options.source, *options.targets], SERIES)
    check_names(parser, "--continuous", options.continuous, SERIES)
    torch.set_num_threads(1)
    logging.getLogger("ray_nas").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        rows = transferred(options, Path(folder)) if options.targets else {}
        later = {
            name: continued(name, options.resample, options.seconds, Path(folder))
            for name in options.continuous
        }
    print_result(
        {
            "source": options.source,
            "seconds": options.seconds,
            "resample": options.resample,
            "targets": rows,
            "continuous": later,
        }
    )


def transferred(options: Any, folder: Path) -> dict[str, Row]:
    """All methods on all targets.

    Args:
        options: Source, targets, seconds and resample.
        folder: For records and checkpoints.
    """
    source = load(options.source, options.resample)
    chosen = setting(source)
    first = Recorded()
    searches = Searches(source, chosen, options.seconds, options.resample, first)
    found = _outcome(searches)
    record = first.save(folder / "source")
    print(f"source {options.source}: {found.test:.1f} points, {found.trials} trials", flush=True)
    assert found.config is not None
    experiment = trained_in_tune(source, chosen, found.config, searches.epochs, folder)
    rows = {}
    for name in options.targets:
        target = load(name, options.resample)
        rows[name] = _on_target(
            target, chosen, found.config, experiment, record, options.seconds, options.resample
        )
        print_row(name, rows[name])
    return rows


def trained_in_tune(
    source: Task, chosen: Setting, config: dict[str, Any], epochs: int, folder: Path
) -> Path:
    """A Tune experiment of one trial, which leaves the source's weights; returns its folder."""

    def trial(architecture: dict[str, Any]) -> None:
        torch.set_num_threads(1)
        network = trained(chosen.space, {**config, "arch": architecture}, source, epochs, seed=0)
        with save_checkpoint(network) as checkpoint:
            tune.report({"points": figures(network, source.val)[0]}, checkpoint=checkpoint)

    searcher = RandomSearch(chosen.space, "points", "max", baseline=config["arch"], seed=0)
    ray.init(num_cpus=1, num_gpus=0, include_dashboard=False, log_to_driver=False)
    try:
        tuner = tune.Tuner(
            trial,
            tune_config=tune.TuneConfig(search_alg=searcher, num_samples=1),
            run_config=tune.RunConfig(name="weights", storage_path=str(folder), verbose=0),
        )
        return Path(tuner.fit().experiment_path)
    finally:
        ray.shutdown()


def continued(name: str, resample: int, seconds: float, folder: Path) -> Row:
    """The continuous run on a task.

    Args:
        name: The task.
        resample: Its resample.
        seconds: CPU seconds of each of the three searches.
        folder: For the record of the first search.
    """
    task = load(name, resample)
    chosen = setting(task)
    half = _half(task)
    first = Recorded()
    old = _outcome(Searches(half, chosen, seconds, resample, first))
    record = first.save(folder / f"half_{name}")
    anew = Searches(task, chosen, seconds, resample, RegularizedEvolution)
    assert old.config is not None
    row = {
        "constant": constant(task.test, task.both),
        "half of the data": old.test,
        "old pick, all data": _trained(chosen, old.config, task, anew.epochs, resample),
        "anew": _outcome(anew).test,
        "start_from": _outcome(Searches(task, chosen, seconds, resample, Recorded(record))).test,
    }
    print_row(f"{name}, continuous", row)
    return _rounded(row)


def print_row(name: str, row: Row) -> None:
    """Prints the methods' test points."""
    points = ", ".join(f"{method} {value:.1f}" for method, value in row.items())
    print(f"{name}: {points}", flush=True)


def _on_target(
    task: Task,
    source: Setting,
    config: dict[str, Any],
    experiment: Path,
    record: Path,
    seconds: float,
    seed: int,
) -> Row:
    chosen = setting(task)

    def prior(**arguments: Any) -> LearningCurveASHA:
        arguments |= {"time_attr": "ninths", "max_t": 9, "grace_period": 1}
        return LearningCurveASHA(**arguments, prior=load_record(record))

    def weights() -> torch.nn.Module:
        return transfer(
            experiment, space=source.space, target=chosen.space, example_inputs=task.both[0][:8]
        ).network

    anew = Searches(task, chosen, seconds, seed)
    later = Searches(task, chosen, seconds, seed, Recorded(record))
    curves = Searches(task, chosen, seconds, seed, scheduler=prior)
    return _rounded(
        {
            "constant": constant(task.test, task.both),
            "hand-made": _trained(chosen, chosen.h0, task, anew.epochs, seed),
            "network": _trained(chosen, config, task, anew.epochs, seed),
            "weights": _trained(chosen, config, task, anew.epochs, seed, weights),
            "anew": _outcome(anew).test,
            "start_from": _outcome(later).test,
            "prior": _outcome(curves).test,
        }
    )


def _trained(
    chosen: Setting,
    config: dict[str, Any],
    task: Task,
    epochs: int,
    seed: int,
    start: Callable[[], torch.nn.Module] | None = None,
) -> float:
    """Mean test points of three trainings, from new weights or from those of `start`."""
    points = []
    for number in range(RETRAININGS):
        own = 1_000 * (seed + 1) + number
        if start is None:
            network = trained(chosen.space, config, task, epochs, own)
        else:
            torch.manual_seed(own)
            network = start()
            for _ in train(network, task.both, config, epochs, own):
                pass
        points.append(figures(network, task.test)[0])
    return float(np.mean(points))


def _half(task: Task) -> Task:
    """The task with half of its training and of its validation data."""
    parts = [(x[: len(x) // 2], y[: len(y) // 2]) for x, y in (task.train, task.val)]
    return replace(task, train=parts[0], val=parts[1])


def _outcome(searches: Searches) -> Outcome:
    outcome = searches.run("N")
    assert outcome is not None
    return outcome


def _rounded(row: Row) -> Row:
    return {name: round(points, 2) for name, points in row.items()}


if __name__ == "__main__":
    main()
