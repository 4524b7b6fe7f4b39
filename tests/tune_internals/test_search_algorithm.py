"""Where a scheduler's state is saved; fails when Ray changes what is relied on."""

import inspect
import json
from pathlib import Path

import pytest
from ConfigSpace import ConfigurationSpace
from ray import tune
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import ConcurrencyLimiter, SearchGenerator
from ray.tune.search.basic_variant import BasicVariantGenerator

from ray_nas.record import load
from ray_nas.schedulers import LearningCurveASHA, MultiObjectiveASHA, Resumable
from ray_nas.searchers import RandomSearch, RegularizedEvolution
from ray_nas.spaces import SearchSpace
from ray_nas.state.state_file import StateError
from ray_nas.tune_internals.search_algorithm import attach, innermost_searcher

SPACE = SearchSpace(ConfigurationSpace({"x": (0.0, 1.0)}))


def fit(folder: Path, scheduler, searcher=None, metric="score", param_space=None, num_samples=6):
    def train(config):  # local, so that workers need not import this module
        for epoch in range(1, 5):
            tune.report({"score": config["x"] * epoch, "cost": config["x"], "epoch": epoch})

    tuner = tune.Tuner(
        tune.with_resources(train, {"cpu": 1}),
        param_space=param_space or {},
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=scheduler,
            metric=metric,
            mode=metric and "max",
            num_samples=num_samples,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(name="run", storage_path=str(folder), verbose=0),
    )
    results = tuner.fit()
    assert not results.errors
    return results


def test_ray_still_has_what_is_relied_on():
    assert isinstance(inspect.getattr_static(TuneController, "search_alg"), property)
    assert '"search_alg"' in inspect.getsource(TuneController._wrapped)
    assert "save_to_dir(driver_staging_path, session_str=" in inspect.getsource(
        TuneController.save_to_dir
    )
    assert isinstance(inspect.getattr_static(Trial, "local_experiment_path"), property)
    for kind in (BasicVariantGenerator, SearchGenerator):
        assert list(inspect.signature(kind.save_to_dir).parameters)[:3] == [
            "self",
            "dirpath",
            "session_str",
        ]


def test_the_searcher_is_found_inside_its_wrappers():
    searcher = RandomSearch(SPACE, metric="score", mode="max")
    assert (
        innermost_searcher(SearchGenerator(ConcurrencyLimiter(searcher, max_concurrent=2)))
        is searcher
    )


def test_a_scheduler_attached_after_the_restore_gets_its_state(tmp_path):
    first, second = (RandomSearch(SPACE, metric="score", mode="max", seed=0) for _ in range(2))
    first.suggest("a")
    first.attach_state("Some", lambda: {"answer": 42}, lambda state: None)
    first.save(str(tmp_path / "state.json"))
    second.restore(str(tmp_path / "state.json"))
    second.save(str(tmp_path / "again.json"))  # before a scheduler is attached
    second.restore(str(tmp_path / "again.json"))
    received = []
    second.attach_state("Some", dict, received.append)
    assert received == [{"answer": 42}]


def test_a_file_of_another_scheduler_is_refused(tmp_path, make_trial):
    trial = make_trial("a", local_experiment_path=str(tmp_path))
    generator = BasicVariantGenerator()
    attach(generator, trial, "One", lambda: {"n": 1}, lambda state: None)
    generator.save_to_dir(str(tmp_path), session_str="2026")
    received = []
    attach(BasicVariantGenerator(), trial, "One", dict, received.append)
    assert received == [{"n": 1}]
    with pytest.raises(StateError, match="is the state of a One, not of a Two"):
        attach(BasicVariantGenerator(), trial, "Two", dict, received.append)


@pytest.mark.parametrize("limited", [False, True])
def test_a_searcher_of_this_package_saves_the_state(cluster, tmp_path, limited):
    searcher = RegularizedEvolution(
        SPACE, metric="score", mode="max", population_size=4, tournament_size=2, seed=1
    )
    scheduler = LearningCurveASHA(time_attr="epoch", metric="score", mode="max", max_t=4)
    fit(
        tmp_path,
        scheduler,
        ConcurrencyLimiter(searcher, max_concurrent=2) if limited else searcher,
        metric=None,
    )
    saved = json.loads(max((tmp_path / "run").glob("searcher-state-*.json")).read_text())[
        "attached"
    ]["LearningCurveASHA"]
    trials = load(tmp_path / "run").trials.values()
    assert set(saved["stopped"]) == {trial.trial_id for trial in trials}
    for trial in trials:
        reason = saved["stopped"][trial.trial_id][1]
        assert trial.reason == ("" if reason.startswith("full length") else reason)
    assert any(trial.reason for trial in trials)


@pytest.mark.parametrize("kind", ["random", "optuna"])
def test_with_a_searcher_of_ray_the_state_has_its_own_file(cluster, tmp_path, kind):
    searcher, space = None, {"x": tune.uniform(0, 1)}
    if kind == "optuna":
        pytest.importorskip("optuna")
        from ray.tune.search.optuna import OptunaSearch

        searcher = OptunaSearch(seed=1)
    results = fit(
        tmp_path, LearningCurveASHA(time_attr="epoch", max_t=4), searcher, param_space=space
    )
    saved = json.loads(max((tmp_path / "run").glob("scheduler-state-*.json")).read_text())["state"]
    assert {trial_id: time for trial_id, (time, _) in saved["stopped"].items()} == {
        r.metrics["trial_id"]: r.metrics["epoch"] for r in results
    }


def test_several_objectives_and_a_scheduler_of_ray(cluster, tmp_path):
    several = MultiObjectiveASHA(
        time_attr="epoch", objectives={"score": "max", "cost": "min"}, max_t=4
    )
    fit(tmp_path / "several", several, param_space={"x": tune.uniform(0, 1)}, metric=None)
    rays = Resumable(ASHAScheduler(time_attr="epoch", max_t=4, reduction_factor=2))
    fit(tmp_path / "rays", rays, param_space={"x": tune.uniform(0, 1)})
    calls = json.loads(max((tmp_path / "rays" / "run").glob("scheduler-state-*.json")).read_text())[
        "state"
    ]["calls"]
    assert sum(name == "on_trial_complete" for name, *_ in calls) == 6
