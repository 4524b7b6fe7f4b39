"""A record comes back from an Optuna storage with its values, parameters, states and curves."""

import logging
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState
from searched_experiment import write_experiment

from ray_nas.export import ExportError, to_optuna
from ray_nas.record import events
from ray_nas.record.log import EventLog
from ray_nas.spaces import MLPSpace

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

DOMAINS = {
    "arch.op": {"values": ["conv", "pool"], "ordered": False},
    "arch.kernel": {"values": [[1, 3], [3, 3]], "ordered": False},
    "arch.width": {"low": 8, "high": 64, "log": True},
    "lr": {"low": 1e-4, "high": 0.1, "log": True},
}


@pytest.fixture(autouse=True)
def loggers_stay() -> Iterator[None]:
    """Optuna's SQL storage disables all loggers that exist when it is opened."""
    manager = logging.getLogger().manager
    loggers = [one for one in manager.loggerDict.values() if isinstance(one, logging.Logger)]
    enabled = [logger for logger in loggers if not logger.disabled]
    yield
    for logger in enabled:
        logger.disabled = False


def write_record(folder: Path, objectives: dict[str, str]) -> Path:
    """Trials of every end; the second has no width, as a conditional parameter."""
    log = EventLog()
    log.append(events.ExperimentStarted("RandomSearch", "f00d", objectives, 1, domains=DOMAINS))
    configs = {
        "a": {"arch.op": "conv", "arch.kernel": [3, 3], "arch.width": 16, "lr": 0.01},
        "b": {"arch.op": "pool", "lr": 0.1},
        "c": {"arch.op": "conv", "arch.width": 64, "lr": 0.02},
        "d": {"arch.op": "conv", "arch.width": 8, "lr": 0.03},
        "e": {"arch.op": "conv", "arch.width": 9, "lr": 0.03},
    }
    for name, config in configs.items():
        log.append(events.TrialProposed(name, config, "random", ("a",) if name == "b" else ()))
    for name, losses in {"a": (0.9, 0.4), "b": (0.8,), "c": (float("nan"),)}.items():
        for epoch, loss in enumerate(losses, start=1):
            metrics = {"loss": loss, "params": 100.0, "epoch": 10 * epoch}
            log.append(events.TrialReported(name, metrics))
    log.append(events.TrialEnded("a", "completed"))
    log.append(events.TrialEnded("b", "completed", "below the median"))
    log.append(events.TrialEnded("c", "infeasible", "loss is nan"))
    log.append(events.TrialEnded("d", "error", "the trainable raised an error"))
    folder.mkdir()
    return folder / log.save(folder)["file"]


def test_values_params_states_and_intermediate_values(tmp_path: Path) -> None:
    write_record(tmp_path / "search", {"loss": "min"})
    storage = f"sqlite:///{tmp_path}/search.db"
    to_optuna(tmp_path / "search", storage, time_attr="epoch")
    study = optuna.load_study(study_name="search", storage=storage)
    assert study.metric_names == ["loss"]
    assert study.direction == optuna.study.StudyDirection.MINIMIZE
    assert [trial.state for trial in study.trials] == [
        TrialState.COMPLETE,
        TrialState.PRUNED,
        TrialState.FAIL,
        TrialState.FAIL,
        TrialState.RUNNING,
    ]
    first, second, third, *_ = study.trials
    assert first.params == {
        "arch.op": "conv",
        "arch.kernel": "[3, 3]",
        "arch.width": 16,
        "lr": 0.01,
    }
    assert second.params == {"arch.op": "pool", "lr": 0.1}
    assert (first.values, second.values, third.values) == ([0.4], [0.8], None)
    assert first.intermediate_values == {10: 0.9, 20: 0.4}
    assert first.distributions["arch.width"] == optuna.distributions.IntDistribution(
        8, 64, log=True
    )
    assert first.distributions["lr"] == optuna.distributions.FloatDistribution(1e-4, 0.1, log=True)
    assert second.user_attrs["parents"] == ["a"]
    assert second.user_attrs["reason"] == "below the median"
    assert first.user_attrs["metrics/params"] == 100
    assert study.best_trial.number == 0


def test_several_objectives(tmp_path: Path) -> None:
    record = write_record(tmp_path / "search", {"loss": "min", "params": "max"})
    storage = optuna.storages.InMemoryStorage()
    study = to_optuna(record, storage, study_name="other")
    assert study.study_name == "other"
    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert study.trials[0].values == [0.4, 100]
    assert study.trials[0].intermediate_values == {}


def test_a_second_export_needs_another_name(tmp_path: Path) -> None:
    write_record(tmp_path / "search", {"loss": "min"})
    storage = optuna.storages.InMemoryStorage()
    to_optuna(tmp_path / "search", storage)
    with pytest.raises(optuna.exceptions.DuplicatedStudyError):
        to_optuna(tmp_path / "search", storage)


def test_a_record_without_domains_is_an_error(tmp_path: Path) -> None:
    space = MLPSpace(2, 1)
    write_experiment(tmp_path / "search", space, [space.sample(random_state=0)], domains=False)
    with pytest.raises(ExportError, match="does not say what values the parameters may have"):
        to_optuna(tmp_path / "search", optuna.storages.InMemoryStorage())
