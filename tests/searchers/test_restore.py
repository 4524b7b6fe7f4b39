"""`Tuner.restore` in real experiments: without `param_space`, with `restart_errored`, and after
an experiment that was cut off.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.execution.tune_controller import TuneController
from ray.tune.stopper import Stopper

from ray_nas import record
from ray_nas.searchers import OneShot, RandomSearch, RegularizedEvolution
from ray_nas.spaces import NASBench201
from ray_nas.state.state_file import StateError

pytestmark = pytest.mark.usefixtures("ray_runtime")


class Flag:
    """A file that trainables and the driver see."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def __bool__(self) -> bool:
        return self.path.exists()

    def lower(self) -> None:
        self.path.unlink()


def scoring(broken: Flag | None = None) -> Any:
    """Counts convolutions; while `broken`, every second architecture fails after a report.
    Local, to be pickled by value.
    """
    path = str(broken.path) if broken is not None else ""

    def train(config: dict) -> None:
        from pathlib import Path

        cell = config.get("arch", config)
        convs = sum("conv" in str(operation) for operation in cell.values())
        tune.report({"accuracy": convs, "epoch": 1})
        if path and Path(path).exists() and convs % 2:
            raise RuntimeError("out of luck")
        tune.report({"accuracy": 2 * convs, "epoch": 2})

    return train


def tuner(
    searcher: Any, folder: Path, trainable: Any, param_space: dict | None = None, **arguments: Any
) -> tune.Tuner:
    settings: dict[str, Any] = {
        "metric": "accuracy",
        "mode": "max",
        "num_samples": 4,
        "reuse_actors": True,
    }
    run = {name: arguments.pop(name) for name in ("stop", "failure_config") if name in arguments}
    return tune.Tuner(
        trainable,
        param_space=param_space,
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            trial_dirname_creator=lambda trial: trial.trial_id,
            **{**settings, **arguments},
        ),
        run_config=tune.RunConfig(name="run", storage_path=str(folder), verbose=0, **run),
    )


def restored(folder: Path, trainable: Any, **arguments: Any) -> tune.ResultGrid:
    return tune.Tuner.restore(str(folder / "run"), trainable, **arguments).fit()


def loaded(folder: Path) -> record.ExperimentRecord:
    return record.load(folder / "run")


def interrupt_after(
    folder: Path, searcher: Any, trainable: Any, trials: int, monkeypatch: Any, **arguments: Any
) -> None:
    """Ends the driver's loop, as a signal would, once so many trials have ended."""
    step = TuneController.step

    def stepping(controller: TuneController) -> None:
        step(controller)
        if sum(trial.status == "TERMINATED" for trial in controller.get_trials()) >= trials:
            controller.checkpoint(force=True, wait=True)
            raise InterruptedError

    first = tuner(searcher, folder, trainable, **arguments)
    with monkeypatch.context() as patch:
        patch.setattr(TuneController, "step", stepping)
        with pytest.raises(InterruptedError):
            first.fit()


@pytest.mark.parametrize(("place", "limited"), [("param_space", True), ("searcher", False)])
def test_without_param_space(
    cells: NASBench201, tmp_path: Path, monkeypatch: Any, place: str, limited: bool
) -> None:
    """The README's own form, and a space of the searcher beside Tune's domains."""
    settings: dict[str, Any] = {"seed": 1, "population_size": 2, "tournament_size": 2}
    domains = {
        "lr": tune.loguniform(1e-4, 1e-1),
        "nested": {"n": tune.randint(1, 4)},
        "note": "kept",
    }
    if place == "param_space":
        searcher, param_space = RegularizedEvolution(**settings), {"arch": cells, **domains}
    else:
        searcher, param_space = RegularizedEvolution(cells, **settings), domains
    limit = {"max_concurrent_trials": 1} if limited else {}
    trainable = scoring()
    interrupt_after(
        tmp_path, searcher, trainable, 3, monkeypatch, param_space=param_space, mode="min", **limit
    )
    results = restored(tmp_path, trainable)
    assert len(results) == 4
    assert results.num_errors == 0
    for result in results:
        cells.validate(
            result.config["arch"] if place == "param_space" else cells.own_parameters(result.config)
        )
        assert 1e-4 <= result.config["lr"] <= 1e-1
        assert result.config["nested"]["n"] in (1, 2, 3)
        assert result.config["note"] == "kept"
    final = {result.metrics["trial_id"]: result.metrics["accuracy"] for result in results}
    assert {
        trial.trial_id: trial.metrics["accuracy"] for trial in loaded(tmp_path).trials.values()
    } == final
    assert {trial.status for trial in loaded(tmp_path).trials.values()} == {"completed"}
    assert loaded(tmp_path).objectives == {"accuracy": "min"}
    if limited:  # else all four may be proposed before the second has ended
        moves = [trial.move for trial in loaded(tmp_path).trials.values()]
        assert "mutation" in moves


def test_what_tune_does_not_save_needs_param_space_again(
    cells: NASBench201, tmp_path: Path, monkeypatch: Any
) -> None:
    """Tune puts placeholders in the place of functions and objects, and would hand those to
    trials.
    """
    param_space = {
        "arch": cells,
        "lr": tune.uniform(0, 1),
        "twice": tune.sample_from(lambda config: 2 * config["lr"]),
    }
    trainable = scoring()
    interrupt_after(
        tmp_path,
        RandomSearch(seed=1),
        trainable,
        2,
        monkeypatch,
        param_space=param_space,
        num_samples=3,
    )
    with pytest.raises(
        StateError, match=r"\['twice'\].*Tuner.restore\(path, trainable, param_space="
    ):
        restored(tmp_path, trainable)
    results = restored(tmp_path, trainable, param_space=param_space)
    assert [result.config["twice"] for result in results] == [
        2 * result.config["lr"] for result in results
    ]
    assert len(results) == 3


@pytest.mark.parametrize(
    ("place", "limited"),
    [
        ("param_space", True),
        pytest.param("searcher", False, marks=pytest.mark.soak),
    ],
)
def test_restarted_trials_are_their_proposals_second_runs(
    cells: NASBench201, tmp_path: Path, place: str, limited: bool
) -> None:
    """Tune gives them new ids."""
    broken = Flag(tmp_path / "broken")
    trainable, limit = scoring(broken), {"max_concurrent_trials": 1} if limited else {}
    if place == "param_space":
        searcher, param_space = (
            RegularizedEvolution(seed=1),
            {"arch": cells, "lr": tune.uniform(0, 1)},
        )
    else:
        searcher, param_space = RegularizedEvolution(cells, seed=1), None
    first = tuner(searcher, tmp_path, trainable, param_space, **limit).fit()
    assert 0 < first.num_errors < 4
    again = restored(tmp_path, trainable, restart_errored=True)  # they fail once more
    assert again.num_errors == first.num_errors
    check_agreement(again, tmp_path)
    broken.lower()
    last = restored(tmp_path, trainable, restart_errored=True)
    assert (len(last), last.num_errors) == (4, 0)
    check_agreement(last, tmp_path)
    newest = max((tmp_path / "run").glob("searcher-state-*.json"))
    population = json.loads(newest.read_text())["strategy"]["population"]
    assert sorted(population.values()) == sorted(result.metrics["accuracy"] for result in last)
    for trial in loaded(tmp_path).trials.values():
        assert [report["epoch"] for report in trial.reports] == [1, 2]  # of its last run alone


def check_agreement(results: tune.ResultGrid, folder: Path) -> None:
    """Tune and the record have the same trials, with the same figures, and they ended alike."""
    trials = {trial.trial_id: trial for trial in loaded(folder).trials.values()}
    assert trials.keys() == {result.metrics["trial_id"] for result in results}
    for result in results:
        trial = trials[result.metrics["trial_id"]]
        assert trial.status == ("error" if result.error else "completed")
        assert trial.metrics["accuracy"] == result.metrics["accuracy"]
        assert trial.config.items() <= record_config(result.config).items()


def record_config(config: dict) -> dict:
    return {**{f"arch.{name}": value for name, value in config.get("arch", {}).items()}, **config}


def test_a_restarted_trial_that_fails_before_its_first_report(
    cells: NASBench201, tmp_path: Path
) -> None:
    broken = Flag(tmp_path / "broken")
    path = str(broken.path)

    def train(config: dict) -> None:
        from pathlib import Path

        if Path(path).exists():
            raise RuntimeError("out of luck")
        tune.report({"accuracy": 1.0, "epoch": 1})

    tuner(RandomSearch(cells, seed=1), tmp_path, train, num_samples=2).fit()
    assert restored(tmp_path, train, restart_errored=True).num_errors == 2
    assert [trial.status for trial in loaded(tmp_path).trials.values()] == ["error"] * 2
    broken.lower()
    results = restored(tmp_path, train, restart_errored=True)
    check_agreement(results, tmp_path)
    assert [trial.status for trial in loaded(tmp_path).trials.values()] == ["completed"] * 2


class CutOff(Stopper):
    """Ends the whole experiment after four reports."""

    def __init__(self) -> None:
        self.reports = 0

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        self.reports += 1
        return False

    def stop_all(self) -> bool:
        return self.reports >= 4


def endless(config: dict) -> None:
    """Never ends by itself."""
    import time

    for epoch in range(1, 10_000):
        tune.report({"accuracy": epoch, "epoch": epoch})
        time.sleep(0.2)


def test_trials_that_a_stopper_cuts_off_are_recorded(cells: NASBench201, tmp_path: Path) -> None:
    trainable = tune.with_resources(endless, {"cpu": 1})
    results = tuner(RegularizedEvolution(cells, seed=1), tmp_path, trainable, stop=CutOff()).fit()
    check_cut_off(results, tmp_path)
    state = json.loads(max((tmp_path / "run").glob("searcher-state-*.json")).read_text())
    assert list(state["strategy"]["population"].values()) == [results[0].metrics["accuracy"]]
    check_cut_off(restored(tmp_path, trainable), tmp_path)


def test_trials_that_the_time_budget_cuts_off_are_recorded(
    cells: NASBench201, tmp_path: Path
) -> None:
    results = tuner(
        RandomSearch(cells, seed=1), tmp_path, endless, num_samples=-1, time_budget_s=15
    ).fit()
    check_cut_off(results, tmp_path)


def check_cut_off(results: tune.ResultGrid, folder: Path) -> None:
    """What has reported is complete as far as it came; what waited for its turn has no figure to
    count.
    """
    trials = {trial.trial_id: trial for trial in loaded(folder).trials.values()}
    reported = {
        result.metrics["trial_id"]: result.metrics["accuracy"]
        for result in results
        if "accuracy" in (result.metrics or {})
    }
    assert {
        name: trial.metrics["accuracy"]
        for name, trial in trials.items()
        if trial.status == "completed"
    } == reported
    for name, trial in trials.items():
        assert trial.status == ("completed" if name in reported else "unfinished")
        assert trial.reason == (
            "cut off by the end of the experiment"
            if name in reported
            else "cut off before its first report"
        )


class CutOffRetraining(CutOff):
    """Ends the experiment once a network is being trained from scratch."""

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        self.reports += 2 * (result["config"]["phase"] == "retrain")
        return False


def phases(config: dict) -> None:
    import json
    import time

    if config["phase"] == "supernet":
        tune.report({"accuracy": 0.0, "weights": "nowhere"})
    elif config["phase"] == "evaluate":
        figures = {name: {"accuracy": 0.5} for name in json.loads(config["sub_networks"])}
        tune.report({"accuracy": 0.5, "sub_networks": json.dumps(figures)})
    while config["phase"] == "retrain":
        tune.report({"accuracy": 0.7})
        time.sleep(0.2)


def test_retraining_that_is_cut_off_is_recorded(cells: NASBench201, tmp_path: Path) -> None:
    search = OneShot(
        cells, "accuracy", "max", evaluations=2, evaluations_per_trial=2, retrain=1, seed=1
    )
    tuner(
        search,
        tmp_path,
        phases,
        num_samples=search.num_trials,
        metric=None,
        mode=None,
        stop=CutOffRetraining(),
    ).fit()
    last = list(loaded(tmp_path).trials.values())[-1]
    assert (last.move, last.status, last.reason) == (
        "retrain",
        "completed",
        "cut off by the end of the experiment",
    )
    assert last.metrics["accuracy"] == 0.7
