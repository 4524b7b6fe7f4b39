"""Searchers in real Tune experiments: the traps of Tune, each with a test."""

import math
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import ConcurrencyLimiter
from ray.tune.stopper import FunctionStopper

from ray_nas import record
from ray_nas.record import files as record_files
from ray_nas.searchers import GridSearch, LocalSearch, RandomSearch, RegularizedEvolution
from ray_nas.spaces import NASBench201, SearchSpace
from ray_nas.state.state_file import StateError

pytestmark = pytest.mark.usefixtures("ray_runtime")


def counting() -> Any:
    """A function trainable; local, so that it is pickled by value."""

    def train(config: dict) -> None:
        cell = config.get("arch", config)
        convs = sum("conv" in str(operation) for operation in cell.values())
        for epoch in (1, 2):
            tune.report({"accuracy": convs * epoch, "epoch": epoch})

    return train


def counting_class() -> type[tune.Trainable]:
    class Train(tune.Trainable):
        def setup(self, config: dict) -> None:
            self.convs = sum("conv" in str(operation) for operation in config.values())

        def step(self) -> dict:
            return {
                "accuracy": self.convs * (self.iteration + 1),
                "epoch": self.iteration + 1,
                "done": self.iteration == 3,
            }

        def save_checkpoint(self, folder: str) -> dict:
            return {}

        def load_checkpoint(self, state: dict) -> None:
            return None

        def reset_config(self, new_config: dict) -> bool:
            self.setup(new_config)
            return True

    return Train


def run_config(folder: Path, **arguments: Any) -> tune.RunConfig:
    return tune.RunConfig(name="run", storage_path=str(folder), verbose=0, **arguments)


def fit(
    searcher: Any,
    folder: Path,
    trainable: Any = None,
    param_space: dict | None = None,
    **tune_arguments: Any,
) -> tune.ResultGrid:
    settings: dict[str, Any] = {
        "metric": "accuracy",
        "mode": "max",
        "num_samples": 6,
        "reuse_actors": True,
        **tune_arguments,
    }
    settings["trial_dirname_creator"] = lambda trial: trial.trial_id
    stop, cpu = settings.pop("stop", None), settings.pop("cpu", 1)
    tuner = tune.Tuner(
        tune.with_resources(trainable or counting(), {"cpu": cpu}),
        param_space=param_space,
        tune_config=tune.TuneConfig(search_alg=searcher, **settings),
        run_config=run_config(folder, stop=stop),
    )
    return tuner.fit()


def trials(folder: Path) -> list[record.TrialRecord]:
    return list(record.load(folder / "run").trials.values())


def test_tune_run_without_a_config_finds_metric_and_mode(
    cells: NASBench201, tmp_path: Path
) -> None:
    analysis = tune.run(
        counting(),
        search_alg=RegularizedEvolution(cells, seed=1, population_size=3, tournament_size=2),
        metric="accuracy",
        mode="min",
        num_samples=6,
        storage_path=str(tmp_path),
        name="run",
        verbose=0,
    )
    cells.validate(analysis.best_config)
    assert record.load(tmp_path / "run").objectives == {"accuracy": "min"}
    assert [trial.move for trial in trials(tmp_path)].count("mutation") >= 1
    assert all(trial.status == "completed" for trial in trials(tmp_path))


def test_without_metric_or_mode_nothing_is_trained(cells: NASBench201, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no metric: give it one"):
        tune.run(
            counting(),
            search_alg=RandomSearch(cells),
            storage_path=str(tmp_path),
            name="run",
            verbose=0,
        )
    with pytest.raises(ValueError, match="no mode: give it one"):
        fit(RandomSearch(cells), tmp_path, mode=None)
    assert not list(tmp_path.rglob("result.json"))


def test_without_a_space_nothing_is_trained(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no space"):
        fit(RandomSearch(), tmp_path)


def test_a_contradicting_metric_is_refused(cells: NASBench201, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="metric is 'loss' in the searcher and 'accuracy' in Tune"):
        fit(RandomSearch(cells, metric="loss", mode="max"), tmp_path)


def test_class_trainable_asha_reused_actors_and_the_last_result(
    cells: NASBench201, tmp_path: Path
) -> None:
    results = fit(
        RegularizedEvolution(cells, seed=1, population_size=4, tournament_size=2),
        tmp_path,
        counting_class(),
        num_samples=20,
        scheduler=ASHAScheduler(time_attr="epoch", max_t=4, grace_period=1, reduction_factor=2),
    )
    assert len(results) == 20
    final = {result.metrics["trial_id"]: result.metrics for result in results}
    for trial in trials(tmp_path):
        assert trial.status == "completed"
        assert (
            trial.metrics["accuracy"] == final[trial.trial_id]["accuracy"]
        )  # the result that ends a trial comes apart
        assert trial.metrics["epoch"] == final[trial.trial_id]["epoch"] == len(trial.reports)
    assert {len(trial.reports) for trial in trials(tmp_path)} > {4}  # ASHA ended some of them early


def test_a_space_in_param_space_with_tunes_own_domains(cells: NASBench201, tmp_path: Path) -> None:
    param_space = {
        "arch": cells,
        "lr": tune.loguniform(1e-4, 1e-1),
        "nested": {"n": tune.randint(1, 4)},
        "note": "kept",
    }
    param_space["twice"] = tune.sample_from(lambda config: 2 * config["lr"])
    results = fit(
        RegularizedEvolution(seed=1, population_size=3, tournament_size=2),
        tmp_path,
        param_space=param_space,
        num_samples=8,
    )
    for result in results:
        cells.validate(result.config["arch"])
        assert result.config["note"] == "kept"
        assert result.config["nested"]["n"] in (1, 2, 3)
        assert result.config["twice"] == 2 * result.config["lr"]
    assert "arch.edge_0_1" in trials(tmp_path)[0].config


def test_domains_beside_the_searchers_own_space(cells: NASBench201, tmp_path: Path) -> None:
    results = fit(
        LocalSearch(cells, seed=1), tmp_path, param_space={"lr": tune.quniform(0.1, 0.5, 0.1)}
    )
    for result in results:
        cells.validate(cells.own_parameters(result.config))
        assert round(result.config["lr"] * 10) / 10 == result.config["lr"]


def test_tunes_own_random_search_samples_a_space(cells: NASBench201, tmp_path: Path) -> None:
    results = fit(
        None, tmp_path, param_space={"arch": cells, "lr": tune.uniform(0, 1)}, num_samples=3
    )
    for result in results:
        cells.validate(result.config["arch"])


@pytest.mark.parametrize(
    ("param_space", "message"),
    [
        ({"lr": tune.grid_search([1, 2])}, "grid_search"),
        ({"edge_0_1": tune.choice(["a", "b"])}, r"must not hold \['edge_0_1'\]"),
        ({"edge_0_1": "skip_connect"}, r"must not hold \['edge_0_1'\]"),
        ({"lr": tune.choice([tune.uniform(0, 1), 3])}, "inside of tune.choice"),
        ({"widths": [tune.choice([1, 2])]}, r"param_space\['widths'\]: domains inside of a list"),
        (
            {"nested": {"pair": (1, [{"n": tune.randint(1, 4)}])}},
            r"param_space\['nested.pair'\]: domains inside of a tuple",
        ),
        (
            {"widths": [tune.grid_search([1, 2]), 3]},
            r"param_space\['widths'\]: domains inside of a list",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused_by_name(
    cells: NASBench201, tmp_path: Path, param_space: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit(RandomSearch(cells), tmp_path, param_space=param_space)


@pytest.mark.parametrize("wrapped", [False, True])
def test_concurrency_limits(cells: NASBench201, tmp_path: Path, wrapped: bool) -> None:
    searcher: Any = RegularizedEvolution(cells, seed=1, population_size=3, tournament_size=3)
    if wrapped:
        searcher = ConcurrencyLimiter(searcher, max_concurrent=2)
    results = fit(searcher, tmp_path, cpu=0.4, **({} if wrapped else {"max_concurrent_trials": 2}))
    assert len(results) == len({cells.canonical(result.config) for result in results}) == 6
    assert [trial.status for trial in trials(tmp_path)] == ["completed"] * 6


def test_a_finished_space_ends_the_run(small_space: SearchSpace, tmp_path: Path) -> None:
    results = fit(GridSearch(small_space), tmp_path, num_samples=50)
    assert len(results) == small_space.size


def test_endless_samples_end_with_the_time_budget(cells: NASBench201, tmp_path: Path) -> None:
    results = fit(
        RandomSearch(cells, seed=1), tmp_path, counting_class(), num_samples=-1, time_budget_s=4
    )
    assert len(results) >= 1


def test_a_stopper_stops_all(cells: NASBench201, tmp_path: Path) -> None:
    stop = FunctionStopper(lambda trial_id, result: result["epoch"] >= 2)
    results = fit(RandomSearch(cells, seed=1), tmp_path, counting_class(), num_samples=4, stop=stop)
    assert [result.metrics["epoch"] for result in results] == [2] * 4
    assert {trial.status for trial in trials(tmp_path)} == {"completed"}


def failing() -> Any:
    def train(config: dict) -> None:
        tune.report({"accuracy": 1.0})
        raise RuntimeError("out of luck")

    return train


def test_a_trainable_that_always_raises(cells: NASBench201, tmp_path: Path) -> None:
    results = fit(
        RegularizedEvolution(cells, seed=1, population_size=2, tournament_size=1),
        tmp_path,
        failing(),
        num_samples=3,
    )
    assert results.num_errors == 3
    assert {(trial.status, trial.reason) for trial in trials(tmp_path)} == {
        ("error", "the trainable raised an error")
    }


def test_nan_and_infinite_results_count_as_infeasible(cells: NASBench201, tmp_path: Path) -> None:
    def train(config: dict) -> None:
        tune.report({"accuracy": math.nan if config["edge_0_1"] == "none" else math.inf})

    results = fit(
        RegularizedEvolution(cells, seed=1, population_size=2, tournament_size=1),
        tmp_path,
        train,
        num_samples=5,
    )
    assert len(results) == 5
    assert {trial.status for trial in trials(tmp_path)} == {"infeasible"}
    assert all("not finite" in trial.reason for trial in trials(tmp_path))


def test_a_metric_that_never_comes_is_named(cells: NASBench201, tmp_path: Path) -> None:
    def other(config: dict) -> None:
        tune.report({"loss": 1.0, "epoch": 1})

    def silent(config: dict) -> None:
        return None

    with pytest.raises(Exception, match="accuracy"):
        fit(RandomSearch(cells, seed=1), tmp_path / "other", other, num_samples=3)
    with pytest.raises(Exception, match="accuracy"):
        fit(RandomSearch(cells, seed=1), tmp_path / "silent", silent, num_samples=3)


def test_a_missing_metric_that_tune_lets_pass_is_infeasible(
    cells: NASBench201, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(config: dict) -> None:
        tune.report({"loss": 1.0, "epoch": 1})

    monkeypatch.setenv("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
    fit(RandomSearch(cells, seed=1), tmp_path, other, num_samples=3)
    assert {trial.reason for trial in trials(tmp_path)} == {"metric 'accuracy' was not reported"}


def test_retries_are_invisible_and_counted_once(cells: NASBench201, tmp_path: Path) -> None:
    class Flaky(tune.Trainable):
        def setup(self, config: dict) -> None:
            self.marker = tmp_path / "-".join(sorted(config.values()))

        def step(self) -> dict:
            if self.iteration == 1 and not self.marker.exists():
                self.marker.touch()
                raise RuntimeError("once")
            return {"accuracy": float(self.iteration), "done": self.iteration == 2}

        def save_checkpoint(self, folder: str) -> dict:
            return {}

        def load_checkpoint(self, state: dict) -> None:
            return None

    tuner = tune.Tuner(
        tune.with_resources(Flaky, {"cpu": 1}),
        tune_config=tune.TuneConfig(
            search_alg=RandomSearch(cells, seed=1), metric="accuracy", mode="max", num_samples=2
        ),
        run_config=run_config(tmp_path, failure_config=tune.FailureConfig(max_failures=2)),
    )
    results = tuner.fit()
    assert results.num_errors == 0
    assert [trial.status for trial in trials(tmp_path)] == ["completed"] * 2
    assert all(trial.metrics["accuracy"] == 2.0 for trial in trials(tmp_path))


def test_points_to_evaluate_nest_as_a_trials_config_does(
    cells: NASBench201, tmp_path: Path
) -> None:
    point = {"arch": cells.sample(random_state=0), "lr": 0.01}
    searcher = RandomSearch(points_to_evaluate=[point], seed=1)
    results = fit(
        searcher,
        tmp_path,
        param_space={"arch": cells, "lr": tune.loguniform(1e-4, 1e-1)},
        num_samples=2,
    )
    assert point in [result.config for result in results]


def test_restore_with_a_changed_space_is_refused(
    cells: NASBench201, small_space: SearchSpace, tmp_path: Path
) -> None:
    fit(RandomSearch(seed=1), tmp_path, param_space={"arch": cells}, num_samples=2)
    trainable = tune.with_resources(counting(), {"cpu": 1})
    with pytest.raises(StateError, match="another space"):
        tune.Tuner.restore(
            str(tmp_path / "run"), trainable=trainable, param_space={"arch": small_space}
        ).fit()
    results = tune.Tuner.restore(
        str(tmp_path / "run"), trainable=trainable, param_space={"arch": cells}
    ).fit()
    assert len(results) == len(trials(tmp_path)) == 2
    assert [trial.status for trial in trials(tmp_path)] == ["completed"] * 2


def test_a_second_experiment_of_a_name_leaves_the_record_of_the_first(
    cells: NASBench201, tmp_path: Path
) -> None:
    for number in (3, 1):
        fit(RandomSearch(cells, seed=number), tmp_path, num_samples=number)
    tune.Tuner.restore(
        str(tmp_path / "run"), trainable=tune.with_resources(counting(), {"cpu": 1})
    ).fit()  # the second
    records = [record.load(file) for file in record_files.find(tmp_path / "run")]
    assert [[trial.status for trial in one.trials.values()] for one in records] == [
        ["completed"] * 3,
        ["completed"],
    ]
    assert trials(tmp_path) == list(records[-1].trials.values())


def test_restore_from_a_damaged_state_is_refused_and_loses_nothing(
    cells: NASBench201, tmp_path: Path
) -> None:
    fit(RandomSearch(cells, seed=1), tmp_path, num_samples=2)
    (state,) = (tmp_path / "run").glob("searcher-state-*.json")
    content = state.read_text()
    state.write_text(content[:50])
    trainable = tune.with_resources(counting(), {"cpu": 1})
    with pytest.raises(StateError, match="damaged"):
        tune.Tuner.restore(str(tmp_path / "run"), trainable=trainable).fit()
    state.write_text(content)
    results = tune.Tuner.restore(str(tmp_path / "run"), trainable=trainable).fit()
    assert len(results) == len(trials(tmp_path)) == 2
