"""Trials on workers: no overlap, idle time, and the cost of each way to end."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from made_record import evolved_trials, made_record

from ray_nas.report.analysis.search_results import search_results
from ray_nas.report.analysis.workers import how_it_ended, time_by_end, worker_time
from ray_nas.report.trial_times import TrialTime


def random_times(count: int = 200, seed: int = 0) -> list[TrialTime]:
    rng = np.random.default_rng(seed)
    starts = rng.uniform(0, 1000, count)
    lengths = rng.uniform(1, 50, count)
    nodes = rng.choice(["a", "b"], count)
    return [
        TrialTime(str(index), start, start + length, str(node), 1)
        for index, (start, length, node) in enumerate(zip(starts, lengths, nodes, strict=True))
    ]


def test_no_two_trials_overlap_on_a_worker() -> None:
    found = worker_time(random_times())
    assert found is not None
    for worker in range(found.workers):
        bars = sorted(
            (bar.time.start, bar.time.end, bar.time.node)
            for bar in found.bars
            if bar.worker == worker
        )
        assert len({node for _, _, node in bars}) == 1
        for (_, end, _), (start, _, _) in pairwise(bars):
            assert start >= end - 0.5


def test_idle_share_and_running_trials() -> None:
    times = random_times()
    found = worker_time(times)
    assert found is not None
    busy = sum(one.end - one.start for one in times)
    whole = found.workers * (found.end - found.start)
    assert found.idle == pytest.approx(1 - busy / whole)
    edges, running = found.running(100)
    assert (running * np.diff(edges)).sum() == pytest.approx(busy)
    assert running.max() <= found.workers


def test_no_trials() -> None:
    assert worker_time([]) is None


def test_costs_by_end_equal_pandas() -> None:
    record = made_record(evolved_trials(), {"accuracy": "max"})
    frame = pd.DataFrame(
        {"end": how_it_ended(trial, 3), "cost": trial.metrics["time_total_s"]}
        for trial in record.trials.values()
    )
    groups = frame.groupby("end")["cost"].agg(["sum", "size"]).sort_values("sum", ascending=False)
    found, unit = time_by_end(search_results(record))
    assert unit == "seconds of training"
    assert [(one.end, one.cost, one.trials) for one in found] == [
        (end, row["sum"], row["size"]) for end, row in groups.iterrows()
    ]


def test_reasons_that_differ_in_numbers_count_together() -> None:
    trials = [{"reason": f"rung {number}: 0.{number}5 is too low"} for number in range(1, 4)]
    trials.append({"reason": "full disk"})
    (found,), _ = time_by_end(search_results(made_record(trials)))
    assert found.reasons == [("rung 1: 0.15 is too low", 3), ("full disk", 1)]
