"""OneShot by itself: what the suites ask of a searcher, for one whose trials are of three kinds.

It is not in the contract suite, which takes a trial's config for an architecture; the searcher
inside of it is."""

import json
import math
import pickle
from pathlib import Path

import pytest
from ray import cloudpickle, tune

from ray_nas import record
from ray_nas.record.events import SupernetEnded
from ray_nas.searchers import LocalSearch, OneShot, RandomSearch, RegularizedEvolution, start_from
from ray_nas.spaces import NASBench201, SearchSpace
from ray_nas.state.state_file import StateError


def make(space: NASBench201, **arguments: object) -> OneShot:
    given = {
        "metric": "accuracy",
        "mode": "max",
        "evaluations": 10,
        "evaluations_per_trial": 4,
        "retrain": 2,
        "seed": 1,
        **arguments,
    }
    inner = given.pop("inner", RegularizedEvolution)(space, seed=1)
    return OneShot(space, given.pop("metric"), given.pop("mode"), searcher=inner, **given)


def convs(config: dict) -> float:
    return sum("conv" in operation for operation in config.values()) / 6


def answer(config: dict) -> dict:
    """What the trainable reports."""
    if config["phase"] == "supernet":
        return {
            "phase": "supernet",
            "accuracy": 0.1,
            "loss": 2.0,
            "weights": "t0/checkpoint_000003",
        }
    if config["phase"] == "evaluate":
        found = {
            name: {"accuracy": convs(one), "loss": 1 - convs(one)}
            for name, one in json.loads(config["sub_networks"]).items()
        }
        return {
            "phase": "evaluate",
            **max(found.values(), key=lambda one: one["accuracy"]),
            "sub_networks": json.dumps(found),
        }
    return {
        "phase": "retrain",
        "accuracy": convs(config["architecture"]) + 0.1,
        "loss": 0.1,
        "epoch": 5,
    }


def drive(search: OneShot, first: int = 0, last: int = 100) -> list[dict]:
    configs = []
    for number in range(first, last):
        config = search.suggest(f"t{number}")
        if config == "FINISHED":
            break
        assert isinstance(config, dict)
        configs.append(config)
        search.on_trial_result(trial_id=f"t{number}", result=answer(config))
        search.on_trial_complete(trial_id=f"t{number}", result=answer(config))
    return configs


def test_three_phases_in_order(cells: NASBench201, tmp_path: Path) -> None:
    search = make(cells)
    configs = drive(search)
    assert [config["phase"] for config in configs] == [
        "supernet",
        "evaluate",
        "evaluate",
        "evaluate",
        "retrain",
        "retrain",
    ]
    assert len(configs) == search.num_trials
    evaluated = {
        name: one
        for config in configs[1:4]
        for name, one in json.loads(config["sub_networks"]).items()
    }
    assert list(evaluated) == [
        f"t{trial}/{number}" for trial, many in ((1, 4), (2, 4), (3, 2)) for number in range(many)
    ]
    best = sorted((convs(one) for one in evaluated.values()), reverse=True)[:2]
    assert [convs(config["architecture"]) for config in configs[4:]] == best
    assert [config["inherited"]["accuracy"] for config in configs[4:]] == best
    assert configs[4]["seed"] != configs[5]["seed"]
    search.save(str(tmp_path / "state.json"))
    trials = {trial.trial_id: trial for trial in list(record.load(tmp_path).trials.values())}
    assert trials.keys() == {*evaluated, "t4", "t5"}
    assert {trial.status for trial in trials.values()} == {"completed"}
    assert trials["t4"].move == "retrain"
    assert len(trials["t4"].reports) == 1
    assert trials["t4"].config == trials[trials["t4"].parents[0]].config


def test_phases_wait_for_their_last_trials(cells: NASBench201) -> None:
    search = make(cells)
    supernet = search.suggest("t0")
    assert search.suggest("t1") is None
    search.on_trial_complete("t0", answer(supernet))
    batches = {f"t{number}": search.suggest(f"t{number}") for number in (1, 2, 3)}
    assert search.suggest("t4") is None
    for trial_id in ("t3", "t1"):
        search.on_trial_complete(trial_id, answer(batches[trial_id]))
        assert search.suggest("t4") is None
    search.on_trial_complete("t2", answer(batches["t2"]))
    assert search.suggest("t4")["phase"] == "retrain"
    assert search.suggest("t5")["phase"] == "retrain"
    assert search.suggest("t6") == "FINISHED"


def test_calls_are_idempotent_and_unknown_trials_are_ignored(cells: NASBench201) -> None:
    calm, noisy = make(cells), make(cells)
    for number in range(6):
        trial_id = f"t{number}"
        config = calm.suggest(trial_id)
        assert noisy.suggest(trial_id) == config == noisy.suggest(trial_id)
        calm.on_trial_complete(trial_id, answer(config))
        for _ in range(2):
            noisy.on_trial_result(trial_id, answer(config))
            noisy.on_trial_complete(trial_id, answer(config))
        noisy.on_trial_complete(trial_id, error=True)
        noisy.on_trial_complete("nobody", {"accuracy": 1.0})


@pytest.mark.parametrize("cut", range(7))
def test_a_restored_search_goes_on_as_if_nothing_had_been(
    cells: NASBench201, cut: int, tmp_path: Path
) -> None:
    straight = make(cells)
    drive(straight, 0, cut)
    pending = straight.suggest(f"t{cut}")
    straight.save(str(tmp_path / "state.json"))
    restored = make(cells, seed=7)
    restored.restore(str(tmp_path / "state.json"))
    clone = pickle.loads(cloudpickle.dumps(straight))
    assert restored.suggest(f"t{cut}") == pending == clone.suggest(f"t{cut}")
    expected = drive(straight, cut)
    assert drive(restored, cut) == expected == drive(clone, cut)


def test_a_state_of_another_search_is_refused(cells: NASBench201, tmp_path: Path) -> None:
    search = make(cells)
    drive(search, 0, 3)
    search.save(str(tmp_path / "state.json"))
    with pytest.raises(StateError, match="not of a RandomSearch"):
        make(cells, inner=RandomSearch).restore(str(tmp_path / "state.json"))
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(StateError, match="damaged"):
        make(cells).restore(str(tmp_path / "state.json"))


def test_a_failed_supernet_ends_the_search(cells: NASBench201, tmp_path: Path) -> None:
    search = make(cells)
    search.suggest("t0")
    search.on_trial_complete("t0", error=True)
    assert search.suggest("t1") == "FINISHED"
    search.save(str(tmp_path / "state.json"))
    ends = [event for event in record.read_events(tmp_path) if isinstance(event, SupernetEnded)]
    assert [(event.trial, event.status) for event in ends] == [("t0", "error")]


def test_a_supernet_that_fails_late_leaves_its_last_checkpoint(cells: NASBench201) -> None:
    search = make(cells)
    search.on_trial_result("t0", answer(search.suggest("t0")))
    search.on_trial_complete("t0", error=True)
    assert [config["phase"] for config in drive(search, 1)] == [
        "evaluate",
        "evaluate",
        "evaluate",
        "retrain",
        "retrain",
    ]


def test_what_was_evaluated_is_kept_when_a_batch_or_a_retraining_fails(
    cells: NASBench201, tmp_path: Path
) -> None:
    search = make(cells)
    search.on_trial_complete("t0", answer(search.suggest("t0")))
    search.on_trial_complete("t1", answer(search.suggest("t1")))
    search.suggest("t2")
    search.on_trial_complete("t2", error=True)
    bad = search.suggest("t3")
    names = list(json.loads(bad["sub_networks"]))
    figures = {
        names[0]: {"accuracy": math.nan, "loss": math.nan},
        names[1]: {"accuracy": 0.99, "loss": 0.0},
    }
    search.on_trial_complete("t3", {"sub_networks": json.dumps(figures)})
    first = search.suggest("t4")
    assert first["inherited"]["accuracy"] == 0.99
    search.on_trial_complete("t4", error=True)
    second = search.suggest("t5")
    assert second["phase"] == "retrain"
    search.on_trial_complete("t5", answer(second))
    search.save(str(tmp_path / "state.json"))
    statuses = {
        trial.trial_id: trial.status for trial in list(record.load(tmp_path).trials.values())
    }
    assert {statuses[f"t2/{number}"] for number in range(4)} == {"error"}
    assert (statuses[names[0]], statuses["t4"], statuses["t5"]) == (
        "infeasible",
        "error",
        "completed",
    )


def test_any_searcher_of_the_package_and_a_small_space(cells: NASBench201) -> None:
    for inner in (RandomSearch, LocalSearch, RegularizedEvolution):
        assert len(drive(make(cells, inner=inner))) == 6
    few = cells.restrict(
        {f"edge_{edge}": ["skip_connect"] for edge in ("0_1", "0_2", "1_2", "0_3", "1_3")}
    )
    configs = drive(make(few, evaluations=100, retrain=3))
    evaluated = [
        one
        for config in configs
        if config["phase"] == "evaluate"
        for one in json.loads(config["sub_networks"]).values()
    ]
    assert len(evaluated) == len({few.canonical(config) for config in few.grid()})
    assert [config["phase"] for config in configs[-3:]] == 3 * ["retrain"]


def test_the_favourites_of_a_controller_come_first(cells: NASBench201, tmp_path: Path) -> None:
    search = make(cells, strategy="enas")
    favourites = [cells.sample(random_state=seed) for seed in (1, 2)]
    search.on_trial_complete(
        "t0", {**answer(search.suggest("t0")), "favourites": json.dumps(favourites)}
    )
    first = list(json.loads(search.suggest("t1")["sub_networks"]).values())
    assert first[:2] == favourites
    search.save(str(tmp_path / "state.json"))
    assert [trial.parents for trial in list(record.load(tmp_path).trials.values())[:2]] == [
        ("t0",),
        ("t0",),
    ]


def test_favourites_come_after_what_an_earlier_experiment_says(cells: NASBench201) -> None:
    earlier = [cells.sample(random_state=seed) for seed in (3, 4)]
    favourites = [cells.sample(random_state=seed) for seed in (1, 2)]
    inner = RandomSearch(cells, "accuracy", "max", seed=1)
    start_from(
        inner,
        [(config, {"accuracy": 0.9 - 0.1 * number}) for number, config in enumerate(earlier)],
        best_first=2,
    )
    search = OneShot(
        cells,
        "accuracy",
        "max",
        searcher=inner,
        strategy="enas",
        evaluations=4,
        evaluations_per_trial=4,
        seed=1,
    )
    last = {**answer(search.suggest("t0")), "favourites": json.dumps(favourites)}
    for _ in range(2):  # Tune hands the last report over twice
        search.on_trial_result("t0", last)
    search.on_trial_complete("t0", last)
    assert list(json.loads(search.suggest("t1")["sub_networks"]).values()) == [
        *earlier,
        *favourites,
    ]


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 6])
def test_a_restored_searcher_knows_what_the_live_one_knows(
    cells: NASBench201, cut: int, tmp_path: Path
) -> None:
    """Retrainings are no trials of the searcher inside, whose figures theirs would be mixed up
    with.
    """

    def limited(space: NASBench201, seed: int) -> RegularizedEvolution:
        return RegularizedEvolution(
            space, "accuracy", "max", constraints={"loss": (None, 0.9)}, seed=seed
        )

    def knows(search: OneShot) -> dict[str, object]:
        ledger = search.inner.ledger
        return {
            "proposals": dict(ledger.proposals),
            "pending": set(ledger.pending),
            "scores": search.inner.evaluator.scores,
            "candidates": search.inner.candidates.get_state(),
            "retryable": ledger.retryable,
            "trials": ledger.record.trials,
        }

    straight = make(cells, inner=limited)
    drive(straight, 0, cut)
    straight.suggest(f"t{cut}")
    straight.save(str(tmp_path / "state.json"))
    restored = make(cells, inner=limited)
    restored.restore(str(tmp_path / "state.json"))
    assert knows(restored) == knows(straight)


def test_winners_are_the_finished_retrainings(cells: NASBench201) -> None:
    search = make(cells)
    results = []
    for config in drive(search):
        results.append(
            tune.Result(
                metrics={**answer(config), "config": config}, checkpoint=None, error=None, path=""
            )
        )
    failed = tune.Result(
        metrics={**results[-1].metrics, "accuracy": 9.0},
        checkpoint=None,
        error=RuntimeError("no memory"),
        path="",
    )
    winners = search.winners([*results, failed])
    assert [winner.metrics["phase"] for winner in winners] == ["retrain", "retrain"]
    assert winners[0].metrics["accuracy"] >= winners[1].metrics["accuracy"]
    for winner in winners:
        cells.validate(winner.config)


def test_sub_networks_and_winners_are_ranked_by_metrics_of_their_own(cells: NASBench201) -> None:
    def ranked_inside(space: NASBench201, seed: int) -> RandomSearch:
        return RandomSearch(space, objectives={"loss": "min"}, seed=seed)

    search = make(cells, metric=None, mode=None, inner=ranked_inside)
    search.set_search_properties("accuracy", "max", {})
    results = [
        tune.Result({**answer(config), "config": config}, None, None, "")
        for config in drive(search)
    ]
    assert search.objectives == {"loss": "min"}
    first, second = search.winners(results)
    assert first.metrics["accuracy"] >= second.metrics["accuracy"]
    with pytest.raises(ValueError, match="OneShot has no metric to rank by"):
        make(cells, metric=None, mode=None, inner=ranked_inside).winners(results)


def test_why_a_scheduler_stopped_a_retraining_is_recorded(
    cells: NASBench201, tmp_path: Path
) -> None:
    search = make(cells)
    configs = drive(search, last=4)
    last = search.suggest("t4")
    search.on_trial_result(trial_id="t4", result=answer(last))
    search.note_stop("t4", "rung 3: not among the best")
    search.on_trial_complete(trial_id="t4", result=answer(last))
    search.save(str(tmp_path / "searcher-state-0.json"))
    trials = {trial.trial_id: trial for trial in list(record.load(tmp_path).trials.values())}
    assert len(configs) == 4
    assert (trials["t4"].status, trials["t4"].reason) == ("completed", "rung 3: not among the best")


def test_bad_input_is_named_before_the_first_trial(
    cells: NASBench201, small_space: SearchSpace
) -> None:
    with pytest.raises(TypeError, match=r"space must be a ModelSpace, .* a raw ConfigurationSpace"):
        OneShot(small_space.config_space, "accuracy", "max")
    with pytest.raises(ValueError, match=r"strategy must be one of spos, .*, got 'fair'"):
        make(cells, strategy="fair")
    for name in ("supernet_epochs", "evaluations", "evaluations_per_trial", "retrain"):
        with pytest.raises(ValueError, match=f"{name} must be an integer >= 1, got 0"):
            make(cells, **{name: 0})
    with pytest.raises(ValueError, match="searcher must be given the same space"):
        OneShot(cells, "accuracy", "max", searcher=RandomSearch(small_space))
    with pytest.raises(TypeError, match="searcher must be a searcher of ray_nas"):
        OneShot(cells, "accuracy", "max", searcher="evolution")
    with pytest.raises(ValueError, match="no metric"):
        make(cells, metric=None, mode=None).suggest("t0")
    with pytest.raises(ValueError, match="param_space must hold nothing to search"):
        make(cells).set_search_properties(None, None, {"lr": tune.uniform(0, 1)})


def test_metric_and_mode_come_from_tune_too(cells: NASBench201) -> None:
    search = make(cells, metric=None, mode=None)
    assert search.set_search_properties("loss", "min", {"note": 1})
    assert (search.metric, search.mode, search.objectives) == ("loss", "min", {"loss": "min"})
    assert len(drive(search)) == 6
