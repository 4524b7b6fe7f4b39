import builtins
import math
from collections.abc import Iterator

import pytest
from ConfigSpace import ConfigurationSpace

from ray_nas import pareto_front
from ray_nas.searchers import NSGA2, RandomSearch
from ray_nas.simulation import History, simulate


def reports(config: dict) -> Iterator[tuple[float, dict]]:
    yield 1.0, {"loss": 1 - config["x"], "latency_ms": config["x"]}
    yield 2.0, {"loss": math.nan if config["x"] > 0.9 else -config["x"], "latency_ms": config["x"]}


@pytest.fixture(scope="module")
def history() -> History:
    space = ConfigurationSpace({"x": (0.0, 1.0)})
    return simulate(
        reports, RandomSearch(space, "loss", "min", seed=0), num_workers=2, max_trials=30
    )


def test_best_goes_by_the_last_finite_value(history: History) -> None:
    finite = [trial.config["x"] for trial in history.trials if trial.config["x"] <= 0.9]
    assert len(finite) < 30
    assert history.best.config["x"] == max(finite)
    assert history.best.metrics["loss"] == -max(finite)


def test_the_frame_has_a_row_for_each_report(history: History) -> None:
    frame = history.to_frame()
    assert len(frame) == 60
    assert {
        "trial_id",
        "seconds",
        "training_iteration",
        "loss",
        "time_total_s",
        "done",
        "config/x",
    } <= set(frame.columns)
    assert frame["seconds"].is_monotonic_increasing
    assert frame["seconds"].iloc[-1] == history.seconds == 45.0
    assert (frame.groupby("trial_id")["done"].last()).all()


def test_an_empty_history_has_an_empty_frame() -> None:
    empty = simulate(
        reports, RandomSearch(ConfigurationSpace({"x": (0.0, 1.0)}), "loss", "min"), max_trials=0
    )
    assert len(empty.to_frame()) == 0
    with pytest.raises(ValueError, match="no trial reported a finite 'loss'"):
        _ = empty.best


def test_several_objectives_have_a_front_instead_of_a_best() -> None:
    space = ConfigurationSpace({"x": (0.0, 0.9)})
    searcher = NSGA2(space, objectives={"loss": "min", "latency_ms": "min"}, seed=0)
    history = simulate(reports, searcher, max_trials=10)
    with pytest.raises(ValueError, match="best needs one objective"):
        _ = history.best
    assert (
        len(pareto_front(history.trials, searcher.objectives)) == 10
    )  # less loss always costs latency here


def test_without_pandas_there_is_a_hint(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_pandas(name: str, *args: object, **kwargs: object) -> object:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(ImportError, match=r'pip install "ray-nas\[bench\]"'):
        history.to_frame()
