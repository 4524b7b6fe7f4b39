import json
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, MedianStoppingRule, TrialScheduler

from ray_nas.record import RecordError, load, read_events
from ray_nas.record import files as record_files
from ray_nas.record.events import TrialReported, TrialResumed
from ray_nas.record.log import EventLog
from ray_nas.schedulers import LearningCurveASHA, MultiObjectiveASHA, Resumable
from ray_nas.searchers import (
    NSGA2,
    Bananas,
    OneShot,
    RandomSearch,
    RegularizedEvolution,
    ZeroCostWarmup,
    start_from,
)
from ray_nas.simulation import VirtualCluster, replay, simulate
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


def test_a_real_run_is_replayed_from_its_record_alone(
    run: tuple[Path, dict[str, dict]], cells: NASBench201
) -> None:
    folder, results = run
    again = replay(folder, space=cells)
    assert (again.difference, again.unchecked) == (None, "")
    assert (again.searcher, again.scheduler) == ("RegularizedEvolution", "ASHAScheduler")
    assert again.proposals == again.ends == 16
    assert 0 < again.stops <= again.reports
    for trial in again.trials:
        real = results[trial.trial_id]
        assert trial.config == real["config"]
        assert trial.last_result.get("epoch") == real.get("epoch")
        assert trial.status == ("ERROR" if real["error"] else "TERMINATED")
        assert (trial.error is not None) == (real["error"] is not None)
    assert {trial.last_result.get("epoch") for trial in again.trials} >= {None, 1, 4}
    assert "ERROR" in {trial.status for trial in again.trials}


def test_the_record_says_why_rays_asha_stopped(run: tuple[Path, dict[str, dict]]) -> None:
    reasons = {trial.reason for trial in load(run[0]).trials.values()}
    assert any(
        re.fullmatch(r"rung 1: \S+ is not among the best 1/2 \(cut at \S+\)", reason)
        for reason in reasons
    )


def test_a_searcher_and_a_scheduler_may_be_passed(
    run: tuple[Path, dict[str, dict]], cells: NASBench201
) -> None:
    assert replay(run[0], searcher=searcher(cells), scheduler=asha()).difference is None


def test_another_seed_is_told_by_its_first_proposal(
    run: tuple[Path, dict[str, dict]], cells: NASBench201
) -> None:
    difference = replay(run[0], searcher=searcher(cells, seed=2)).difference
    assert difference is not None
    assert (difference.event, difference.line) == ("proposal", 4)  # the first was the user's
    assert re.search(r"edge_\d_\d was '\w+', is now '\w+'", difference.change)


def test_another_scheduler_is_told_by_its_first_stop(
    run: tuple[Path, dict[str, dict]], cells: NASBench201
) -> None:
    for scheduler in (asha(reduction_factor=3.9), FIFOScheduler()):
        difference = replay(run[0], space=cells, scheduler=scheduler).difference
        assert difference is not None
        assert difference.event == "result"
        assert re.search("it (stopped|continued), now it (is stopped|continues)", difference.change)
    assert "it stopped, now it continues" in difference.change


def test_a_changed_byte_is_named(
    run: tuple[Path, dict[str, dict]], cells: NASBench201, tmp_path: Path
) -> None:
    content = Path(record_files.find(run[0])[-1]).read_bytes()
    place = content.index(b'"accuracy":', 5000) + len(b'"accuracy":')
    digit = b"7" if content[place : place + 1] != b"7" else b"1"
    (tmp_path / record_files.new_name()).write_bytes(content[:place] + digit + content[place + 1 :])
    line = content[:place].count(b"\n") + 1
    with pytest.raises(
        RecordError,
        match=rf"damaged in line {line}, the result of trial '\w+': "
        r"metrics.accuracy is 7\.\d+, and was \d\.\d+",
    ):
        replay(tmp_path, space=cells)


def test_every_changed_byte_is_found_in_its_line(
    run: tuple[Path, dict[str, dict]], tmp_path: Path
) -> None:
    content = Path(record_files.find(run[0])[-1]).read_bytes()
    path = tmp_path / record_files.new_name()
    for place in range(0, len(content), 61):
        changed = bytearray(content)
        changed[place] ^= 1 + place % 255
        path.write_bytes(changed)
        line = content[:place].count(b"\n") + 1
        with pytest.raises(RecordError, match=rf"line {line}\b"):
            list(read_events(tmp_path))


def test_a_changed_result_with_right_checksums_leads_elsewhere(
    run: tuple[Path, dict[str, dict]], cells: NASBench201, tmp_path: Path
) -> None:
    log = EventLog()
    for number, event in enumerate(read_events(run[0])):
        if isinstance(event, TrialReported) and number < 30:
            event.metrics["accuracy"] = -100.0
        log.append(event)
    log.save(tmp_path)
    assert replay(tmp_path, space=cells).difference is not None


def objective(config: dict) -> Iterator[tuple[float, dict]]:
    for report in reports(config):
        yield 1.0 + len(config["edge_2_3"]), report


SEARCHERS = {
    "NSGA2": lambda space: NSGA2(space, objectives={"accuracy": "max", "size": "min"}),
    "ZeroCostWarmup": lambda space: ZeroCostWarmup(
        RegularizedEvolution(space, "accuracy", "max", population_size=6, tournament_size=3),
        score=lambda space, configs: [-str(config).count("conv") for config in configs],
        candidates=50,
    ),
    "start_from the same task": lambda space: start_from(
        Bananas(space, "accuracy", "max"), earlier(space), same_task=True
    ),
    "start_from another task": lambda space: start_from(
        RegularizedEvolution(space, "accuracy", "max"), earlier(space), best_first=3
    ),
}


def earlier(space: NASBench201) -> list[tuple[dict, dict]]:
    configs = space.sample(size=12, random_state=5)
    return [(config, {"accuracy": float(str(config).count("conv"))}) for config in configs]


@pytest.mark.parametrize("name", SEARCHERS)
def test_a_search_without_a_seed_is_replayed_from_its_record(
    name: str, cells: NASBench201, tmp_path: Path
) -> None:
    def with_size(config: dict) -> Iterator[tuple[float, dict]]:
        for seconds, report in objective(config):
            yield seconds, {**report, "size": len(str(config))}

    first = SEARCHERS[name](cells)
    simulate(with_size, first, num_workers=3, max_trials=20)
    first.save(str(tmp_path / "state.json"))
    again = replay(tmp_path, space=NASBench201(2, 1))
    assert (again.difference, again.unchecked, again.proposals) == (None, "", 20)


SCHEDULERS = {
    "none": lambda: None,
    "ASHA": asha,
    "median": lambda: MedianStoppingRule("epoch", grace_period=2),
    "Resumable": lambda: Resumable(asha()),
    "LearningCurveASHA": lambda: LearningCurveASHA(time_attr="epoch", max_t=4),
    "with a space": lambda: LearningCurveASHA(time_attr="epoch", max_t=4, space=NASBench201(2, 1)),
    "MultiObjectiveASHA": lambda: MultiObjectiveASHA(
        time_attr="epoch", objectives={"accuracy": "max"}, max_t=4
    ),
}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_simulated_run_replays_too(name: str, cells: NASBench201, tmp_path: Path) -> None:
    first = NSGA2(cells, "accuracy", "max", population_size=4, seed=3)
    history = simulate(objective, first, SCHEDULERS[name](), num_workers=3, max_trials=30)
    first.save(str(tmp_path / "state.json"))
    again = replay(tmp_path, space=cells)
    assert (again.difference, again.unchecked) == (None, "")
    assert bool(again.stops) == (name != "none")
    assert [(trial.config, trial.status, len(trial.results)) for trial in again.trials] == [
        (trial.config, trial.status, len(trial.results)) for trial in history.trials
    ]


def test_trials_that_lost_their_node_and_were_retried_replay_too(
    cells: NASBench201, tmp_path: Path
) -> None:
    def curve(config: dict) -> Iterator[tuple[float, dict]]:
        convolutions = str(config).count("conv")
        for epoch in range(1, 28):
            noise = (sum(map(ord, str(config))) + 7 * epoch) % 13 / 40
            yield 1.0, {"accuracy": convolutions * (1 - 0.9**epoch) + noise, "epoch": epoch}

    before = RandomSearch(cells, "accuracy", "max", seed=9)
    simulate(curve, before, max_trials=40)
    (tmp_path / "prior").mkdir()
    before.save(str(tmp_path / "prior" / "state.json"))
    cluster = VirtualCluster(
        [{"CPU": 4}] * 4, mean_uptime=30.0, repair_seconds=2.0, checkpoint_frequency=5, seed=1
    )
    first = RandomSearch(cells, "accuracy", "max", seed=1)
    scheduler = LearningCurveASHA(time_attr="epoch", max_t=27, prior=str(tmp_path / "prior"))
    simulate(curve, first, scheduler, cluster=cluster, max_trials=150)
    first.save(str(tmp_path / "state.json"))
    assert sum(isinstance(event, TrialResumed) for event in read_events(tmp_path)) > 5
    assert any("extrapolated" in trial.reason for trial in load(tmp_path).trials.values())
    assert replay(tmp_path, space=cells).difference is None


def test_sub_networks_of_a_supernet_replay_too(cells: NASBench201, tmp_path: Path) -> None:
    search = OneShot(cells, "accuracy", "max", evaluations=40, evaluations_per_trial=10, seed=2)
    for trial_id in map(str, range(search.num_trials)):
        config = search.suggest(trial_id)
        assert isinstance(config, dict)
        result = {"accuracy": 0.1, "weights": "w"}
        if config["phase"] == "evaluate":
            found = {
                name: {"accuracy": str(one).count("conv")}
                for name, one in json.loads(config["sub_networks"]).items()
            }
            result = {"sub_networks": json.dumps(found)}
        search.on_trial_result(trial_id, result)
        search.on_trial_complete(trial_id, result)
    search.save(str(tmp_path / "state.json"))
    again = replay(tmp_path, space=cells)
    assert (again.difference, again.proposals) == (None, 40)


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
    found = replay(tmp_path, searcher=again)
    assert found.difference is None
    assert again._memory.limit == 4
    assert [(trial.config, trial.status) for trial in found.trials] == [
        (trial.config, trial.status) for trial in history.trials
    ]
    with pytest.raises(ValueError, match=r"record cannot hold: costs \(function .*searcher=Regul"):
        replay(tmp_path, space=cells)


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
    found = replay(tmp_path, space=cells)
    assert found.difference is None
    assert [(trial.trial_id, trial.status) for trial in found.trials] == [
        (f"t{number}", "TERMINATED") for number in range(12)
    ]


def test_a_scheduler_that_pauses_is_refused(cells: NASBench201, tmp_path: Path) -> None:
    class Pauses(MedianStoppingRule):
        def on_trial_result(self, *args: object) -> str:
            return TrialScheduler.PAUSE

    first = searcher(cells)
    simulate(objective, first, max_trials=3)
    first.save(str(tmp_path / "state.json"))
    with pytest.raises(ValueError, match="Pauses returned PAUSE"):
        replay(tmp_path, space=cells, scheduler=Pauses("epoch"))


def test_stops_of_a_scheduler_that_cannot_be_made_anew_are_followed_unchecked(
    cells: NASBench201, tmp_path: Path
) -> None:
    class Strict(MedianStoppingRule):
        def on_trial_result(self, *args: object) -> str:
            return TrialScheduler.STOP

    first = searcher(cells)
    simulate(objective, first, Strict("epoch"), max_trials=5)
    first.save(str(tmp_path / "state.json"))
    again = replay(tmp_path, space=cells)
    assert (again.difference, again.proposals, again.reports) == (None, 5, 0)
    assert again.unchecked == "the stops of Strict: pass it as scheduler"
    assert "not checked: the stops of Strict" in again.summary()


def test_a_record_that_a_running_search_is_writing_is_replayed_so_far(
    cells: NASBench201, tmp_path: Path
) -> None:
    first = searcher(cells)
    simulate(objective, first, num_workers=3, max_seconds=30)
    first.save(str(tmp_path / "state.json"))
    (path,) = tmp_path.glob(record_files.RECORD_FILES)
    path.write_bytes(path.read_bytes()[:-5])
    again = replay(tmp_path, space=cells)
    assert again.difference is None
    assert again.ends < again.proposals
    assert f"{again.proposals - again.ends} trials have not ended" in again.summary()


def test_another_space_is_refused(cells: NASBench201, tmp_path: Path) -> None:
    first = searcher(cells)
    simulate(objective, first, max_trials=3)
    first.save(str(tmp_path / "state.json"))
    with pytest.raises(ValueError, match=r"json: space is not the one .* they differ in edge_0_1"):
        replay(tmp_path, space=cells.fix({"edge_0_1": "none"}))
    with pytest.raises(ValueError, match="space must be given"):
        replay(tmp_path)
    with pytest.raises(FileNotFoundError, match="is it the folder of an experiment"):
        replay(tmp_path / "nowhere", space=cells)


def test_a_space_in_tunes_param_space_is_passed_so(cells: NASBench201, tmp_path: Path) -> None:
    param_space = {"arch": cells, "lr": tune.loguniform(1e-4, 1e-1), "epochs": 3}
    first = RegularizedEvolution(None, "accuracy", "max")
    first.set_search_properties(None, None, param_space)
    simulate(lambda config: objective(config["arch"]), first, max_trials=30)
    first.save(str(tmp_path / "state.json"))
    again = replay(tmp_path, param_space=param_space)
    assert again.difference is None
    assert {trial.config["epochs"] for trial in again.trials} == {3}
    with pytest.raises(ValueError, match=r"they differ in .*Tune's param_space if it was searched"):
        replay(tmp_path, space=cells)
