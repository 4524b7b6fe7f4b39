import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler, MedianStoppingRule, TrialScheduler

from ray_nas.record import files as record_files
from ray_nas.record import load
from ray_nas.searchers import NSGA2, RegularizedEvolution
from ray_nas.simulation import DivergenceError, replay, simulate
from ray_nas.spaces import NASBench201


def reports(config: dict) -> Iterator[dict]:
    convolutions = sum("conv" in operation for operation in config.values())
    for epoch in range(1, 5):
        if not convolutions and config["edge_0_1"] == "none":
            raise RuntimeError("this cell does not train")
        yield {"accuracy": convolutions + 0.1 * epoch, "epoch": epoch}


def searcher(space: NASBench201, seed: int = 1) -> RegularizedEvolution:
    fails = dict.fromkeys(space.config_space, "none")
    return RegularizedEvolution(
        space,
        "accuracy",
        "max",
        population_size=4,
        tournament_size=3,
        seed=seed,
        points_to_evaluate=[fails],
    )


def asha(reduction_factor: float = 2) -> ASHAScheduler:
    return ASHAScheduler(
        time_attr="epoch",
        metric="accuracy",
        mode="max",
        max_t=4,
        grace_period=1,
        reduction_factor=reduction_factor,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict]]:
    """The folder of a real experiment with two parallel trials, and Tune's view of its trials."""

    def train(config: dict) -> None:
        for report in reports(config):
            tune.report(report)

    folder = tmp_path_factory.mktemp("experiment")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own start
        os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
        ray.init(
            address="local", num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False
        )
    try:
        results = tune.Tuner(
            tune.with_resources(train, {"cpu": 1}),
            tune_config=tune.TuneConfig(
                search_alg=searcher(NASBench201(2, 1)),
                scheduler=asha(),
                num_samples=16,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(name="run", storage_path=str(folder), verbose=0),
        ).fit()
    finally:
        ray.shutdown()
        del os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"]
    return folder / "run", {
        result.metrics["trial_id"]: {
            **result.metrics,
            "error": result.error,
            "config": result.config,
        }
        for result in results
    }


def test_a_real_run_has_the_same_proposals_and_stops(
    run: tuple[Path, dict[str, dict]], cells: NASBench201
) -> None:
    folder, results = run
    trials = replay(folder, searcher(cells), asha())
    assert len(trials) == 16
    for trial in trials:
        real = results[trial.trial_id]
        assert trial.config == real["config"]
        assert trial.last_result.get("epoch") == real.get("epoch")
        assert trial.status == ("ERROR" if real["error"] else "TERMINATED")
        assert (trial.error is not None) == (real["error"] is not None)
    assert {trial.last_result.get("epoch") for trial in trials} >= {None, 1, 4}
    assert "ERROR" in {trial.status for trial in trials}


def test_another_seed_is_told_by_its_first_proposal(
    run: tuple[Path, dict[str, dict]], cells: NASBench201
) -> None:
    with pytest.raises(DivergenceError, match=r"proposed was .*, now "):
        replay(run[0], searcher(cells, seed=2), asha())


def test_another_scheduler_is_told_by_its_first_stop(
    run: tuple[Path, dict[str, dict]], cells: NASBench201
) -> None:
    with pytest.raises(
        DivergenceError, match=r"it (stopped|continued), now it (is stopped|continues)"
    ):
        replay(run[0], searcher(cells), asha(reduction_factor=3.9))
    with pytest.raises(DivergenceError, match="it stopped, now it continues"):
        replay(run[0], searcher(cells))


def test_a_changed_result_leads_elsewhere(
    run: tuple[Path, dict[str, dict]], cells: NASBench201, tmp_path: Path
) -> None:
    lines = Path(record_files.find(run[0])[-1]).read_text().splitlines()
    for index, line in enumerate(lines[:30]):
        event = json.loads(line)
        if event["event"] == "result":
            event["metrics"]["accuracy"] = -100.0
            lines[index] = json.dumps(event)
    (tmp_path / record_files.new_name()).write_text("\n".join(lines) + "\n")
    with pytest.raises(DivergenceError):
        replay(tmp_path, searcher(cells), asha())


def objective(config: dict) -> Iterator[tuple[float, dict]]:
    for report in reports(config):
        yield 1.0 + len(config["edge_2_3"]), report


@pytest.mark.parametrize(
    "make_scheduler", [lambda: None, asha, lambda: MedianStoppingRule("epoch", grace_period=2)]
)
def test_a_simulated_run_replays_too(
    make_scheduler: Callable[[], TrialScheduler | None], cells: NASBench201, tmp_path: Path
) -> None:
    first = NSGA2(cells, "accuracy", "max", population_size=4, seed=3)
    history = simulate(objective, first, make_scheduler(), num_workers=3, max_trials=30)
    first.save(str(tmp_path / "state.json"))
    trials = replay(
        tmp_path, NSGA2(cells, "accuracy", "max", population_size=4, seed=3), make_scheduler()
    )
    assert [(trial.config, trial.status, len(trial.results)) for trial in trials] == [
        (trial.config, trial.status, len(trial.results)) for trial in history.trials
    ]


def test_trials_that_ran_out_of_memory_replay_too(cells: NASBench201, tmp_path: Path) -> None:
    def make() -> RegularizedEvolution:
        size = {
            "costs": lambda config: {
                "params": sum("conv" in operation for operation in config.values())
            }
        }
        return RegularizedEvolution(
            cells, "accuracy", "max", population_size=4, tournament_size=3, seed=3, **size
        )

    def large_ones_die(config: dict) -> Iterator[tuple[float, dict]]:
        for seconds, report in objective(config):
            yield seconds, report
            if sum("conv" in operation for operation in config.values()) > 3:
                raise MemoryError

    first = make()
    history = simulate(large_ones_die, first, max_trials=25)
    first.save(str(tmp_path / "state.json"))
    died = [
        trial
        for trial in list(load(tmp_path).trials.values())
        if trial.reason.startswith("out of memory at params = ")
    ]
    assert died
    assert first._memory.limit == 4
    again = make()
    trials = replay(tmp_path, again)
    assert again._memory.limit == 4
    assert [(trial.config, trial.status) for trial in trials] == [
        (trial.config, trial.status) for trial in history.trials
    ]


def test_a_trial_that_failed_and_was_resumed_replays_too(
    cells: NASBench201, tmp_path: Path
) -> None:
    def run(search: RegularizedEvolution, first: int, last: int) -> None:
        for trial_id in (f"t{number}" for number in range(first, last)):
            search.suggest(trial_id)
            search.on_trial_result(
                trial_id=trial_id, result={"accuracy": float(trial_id[1:]), "epoch": 1}
            )
            search.on_trial_complete(trial_id=trial_id, error=trial_id == "t5" and last == 6)

    first = searcher(cells)
    run(first, 0, 6)
    first.save(str(tmp_path / "state.json"))
    second = searcher(cells)
    second.restore(str(tmp_path / "state.json"))
    run(second, 5, 12)
    second.save(str(tmp_path / "state.json"))
    trials = replay(tmp_path, searcher(cells))
    assert [(trial.trial_id, trial.status) for trial in trials] == [
        (f"t{number}", "TERMINATED") for number in range(12)
    ]


def test_a_scheduler_that_pauses_is_refused(cells: NASBench201, tmp_path: Path) -> None:
    class Pauses(MedianStoppingRule):
        def on_trial_result(self, *args: object) -> str:
            return TrialScheduler.PAUSE

    first = searcher(cells)
    simulate(objective, first, max_trials=3)
    first.save(str(tmp_path / "state.json"))
    shutil.copy(record_files.find(tmp_path)[-1], tmp_path / "copy.json")
    with pytest.raises(ValueError, match="Pauses returned PAUSE"):
        replay(tmp_path / "copy.json", searcher(cells), Pauses("epoch"))
