"""What every searcher must keep, whatever its strategy."""

import json
import math
import pickle
import random
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ConfigSpace as CS
import numpy as np
import pytest
import torch
from ray import cloudpickle, tune

from ray_nas import record
from ray_nas.record import files as record_files
from ray_nas.record.events import ExperimentStarted
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.searchers.registry import SEARCHERS
from ray_nas.spaces import NASBench201, SearchSpace
from ray_nas.state import state_file
from ray_nas.state.state_file import StateError
from ray_nas.testing.searcher_contract import copy_of, drive, equal_proposals, score

NAMES = sorted(SEARCHERS)
if find_spec("hpbandster") is None:  # the extra "bohb" wants a C compiler
    NAMES.remove("BOHB")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["cells", "mixed_space", "small_space"])
def space(request: pytest.FixtureRequest) -> SearchSpace:
    return request.getfixturevalue(request.param)


def make(
    name: str, space: SearchSpace | CS.ConfigurationSpace | None, **arguments: object
) -> ArchitectureSearcher:
    arguments = {"metric": "score", "mode": "max", "seed": 1, **arguments}
    return SEARCHERS[name](space, **arguments)


def test_same_seed_and_order_of_events_give_the_same_proposals(
    name: str, space: SearchSpace
) -> None:
    runs = [drive(make(name, space), random.Random(0), 0, 40, {}) for _ in range(2)]
    assert runs[0] == runs[1]
    if name != "GridSearch":
        assert drive(make(name, space, seed=2), random.Random(0), 0, 40, {}) != runs[0]


SEQUENCE = """
from ray_nas import searchers
from ray_nas.spaces import NASBench201

def sequence(name):
    searcher = getattr(searchers, name)(NASBench201(2, 1), "score", "max", seed=3)
    configs = []
    for number in range(30):
        configs.append(searcher.suggest(str(number)))
        value = sum(map(len, configs[-1].values()))
        searcher.on_trial_complete(trial_id=str(number), result={"score": value})
    return configs
"""
PRINT_SEQUENCES = """
import json, sys
print(json.dumps({name: sequence(name) for name in sys.argv[1:]}))
"""


@pytest.fixture(scope="module")
def sequences_elsewhere() -> dict[str, list[dict]]:
    command = [sys.executable, "-c", SEQUENCE + PRINT_SEQUENCES, *reversed(NAMES)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def test_same_proposals_in_another_process(
    name: str, sequences_elsewhere: dict[str, list[dict]]
) -> None:
    here: dict[str, Any] = {}
    exec(SEQUENCE, here)
    assert sequences_elsewhere[name] == here["sequence"](name)
    assert len(sequences_elsewhere[name]) == 30


def test_proposals_are_valid_plain_and_new(name: str, space: SearchSpace) -> None:
    proposals = drive(make(name, space), random.Random(1), 0, 60, {})
    assert proposals
    for config in proposals:
        space.validate(config)
        assert all(type(value) in (bool, int, float, str) for value in config.values())
    keys = [space.canonical(config) for config in proposals]
    assert len(set(keys)) == len(keys)


def test_64_in_flight_neither_repeat_nor_stall(name: str, cells: NASBench201) -> None:
    searcher = make(name, cells)
    configs = {f"t{number}": searcher.suggest(f"t{number}") for number in range(64)}
    assert all(isinstance(config, dict) for config in configs.values())
    for number in range(64, 128):
        oldest = f"t{number - 64}"
        searcher.on_trial_complete(trial_id=oldest, result={"score": score(configs[oldest])})
        configs[f"t{number}"] = searcher.suggest(f"t{number}")
    assert len({cells.canonical(config) for config in configs.values()}) == 128


def test_a_small_space_is_searched_to_its_end(name: str, small_space: SearchSpace) -> None:
    proposals = drive(make(name, small_space), random.Random(2), 0, 100, {})
    assert len(proposals) == small_space.size == 10


def test_repeats_go_on_after_the_end(name: str, small_space: SearchSpace) -> None:
    searcher = make(name, small_space, repeats=True)
    proposals = drive(searcher, random.Random(2), 0, 30, {})
    assert len(proposals) == 30
    assert len({small_space.canonical(config) for config in proposals}) == 10


def test_repeats_keep_the_limits(name: str, small_space: SearchSpace) -> None:
    limits = {
        "costs": lambda config: {"depth": config["depth"]},
        "constraints": {"depth": (2, None)},
    }
    proposals = drive(make(name, small_space, repeats=True, **limits), random.Random(2), 0, 30, {})
    assert len(proposals) == 30
    assert min(config["depth"] for config in proposals) == 2
    many = CS.ConfigurationSpace(
        {f"p{index}": [f"v{value}" for value in range(60)] for index in range(2)}
    )
    few = {
        "costs": lambda config: {"p0": int(config["p0"][1:]), "p1": int(config["p1"][1:])},
        "constraints": {"p0": (None, 1), "p1": (None, 1)},
    }
    rare = make(name, many, repeats=True, **few)
    for number in range(9):
        assert isinstance(rare.suggest(f"t{number}"), dict)  # four of 3,600
        rare.on_trial_complete(trial_id=f"t{number}", result={"score": 1.0})


@pytest.mark.parametrize("cut", [0, 17])
def test_a_restored_searcher_goes_on_as_if_nothing_had_been(
    name: str, space: SearchSpace, cut: int, tmp_path: Path
) -> None:
    straight, live, order = make(name, space), {}, random.Random(3)
    drive(straight, order, 0, cut, live)
    straight.save(str(tmp_path / "state.json"))
    restored = make(name, space, seed=77)
    restored.restore(str(tmp_path / "state.json"))
    expected = drive(straight, copy_of(order), cut, 30, dict(live))
    assert drive(restored, order, cut, 30, dict(live)) == expected
    for searcher, folder in ((straight, tmp_path / "a"), (restored, tmp_path / "b")):
        folder.mkdir()
        searcher.save(str(folder / "state.json"))
    states = [state_file.read(tmp_path / folder / "state.json") for folder in "ab"]
    records = [
        (tmp_path / folder / state["record"].pop("file")).read_bytes()
        for folder, state in zip("ab", states, strict=True)
    ]
    assert states[0] == states[1]
    assert records[0] == records[1]


def test_events_after_the_last_save_are_forgotten(
    name: str, cells: NASBench201, tmp_path: Path
) -> None:
    searcher, live, order = make(name, cells), {}, random.Random(4)
    drive(searcher, order, 0, 10, live)
    searcher.save(str(tmp_path / "state.json"))
    (path,) = tmp_path.glob(record_files.RECORD_FILES)
    before = path.read_bytes()
    later = copy_of(order)
    expected = drive(searcher, copy_of(order), 10, 20, dict(live))
    searcher.ledger.save(
        tmp_path
    )  # the driver dies after the record was written and before the state was
    restored = make(name, cells)
    restored.restore(str(tmp_path / "state.json"))
    assert drive(restored, later, 10, 20, dict(live)) == expected
    restored.save(str(tmp_path / "state.json"))
    assert path.read_bytes().startswith(before)
    assert len(list(record.load(tmp_path).trials.values())) == 20


def test_calls_are_idempotent_and_unknown_trials_are_ignored(name: str, cells: NASBench201) -> None:
    calm, noisy = make(name, cells), make(name, cells)
    for trial_id, config in equal_proposals(calm, noisy, 25):
        assert noisy.suggest(trial_id) == config
        assert isinstance(config, dict)
        result = {"score": score(config), "training_iteration": 1}
        calm.on_trial_complete(trial_id=trial_id, result=result)
        noisy.on_trial_complete(trial_id=trial_id, result=result)
        noisy.on_trial_complete(trial_id=trial_id, result={"score": 1e9})
        noisy.on_trial_result(trial_id=trial_id, result={"score": 1e9})
        noisy.on_trial_complete(trial_id=trial_id, error=True)
        noisy.on_trial_result(trial_id="nobody", result={"score": 1e9})
        noisy.on_trial_complete(trial_id="nobody", result={"score": 1e9})
        noisy.on_trial_complete(trial_id="nobody either", error=True)


def test_the_last_result_counts_where_none_comes_with_the_end(
    name: str, cells: NASBench201
) -> None:
    told, left = make(name, cells), make(name, cells)
    for trial_id, config in equal_proposals(told, left, 40):
        assert isinstance(config, dict)
        result = {"score": score(config), "training_iteration": 1}
        for searcher in (told, left):
            searcher.on_trial_result(trial_id=trial_id, result=result)
        told.on_trial_complete(trial_id=trial_id, result=result)
        left.on_trial_complete(trial_id=trial_id, result=None)


@pytest.mark.parametrize(
    "bad", [None, {}, {"score": math.nan}, {"score": math.inf}, {"score": "none"}, {"other": 1.0}]
)
def test_unusable_results_are_infeasible_and_the_search_goes_on(
    name: str, cells: NASBench201, bad: dict | None, tmp_path: Path
) -> None:
    searcher = make(name, cells)
    for number in range(30):
        assert isinstance(searcher.suggest(f"t{number}"), dict)
        searcher.on_trial_complete(trial_id=f"t{number}", result=bad)
    searcher.save(str(tmp_path / "state.json"))
    trials = list(record.load(tmp_path).trials.values())
    assert {trial.status for trial in trials} == {"infeasible"}
    assert all("score" in trial.reason for trial in trials)


def test_every_trial_failing_is_survived(name: str, cells: NASBench201, tmp_path: Path) -> None:
    searcher = make(name, cells)
    for number in range(30):
        assert isinstance(searcher.suggest(f"t{number}"), dict)
        searcher.on_trial_complete(trial_id=f"t{number}", error=True)
    searcher.save(str(tmp_path / "state.json"))
    assert {trial.status for trial in list(record.load(tmp_path).trials.values())} == {"error"}


def test_raw_configuration_spaces_are_taken(name: str, mixed_space: SearchSpace) -> None:
    searcher = make(name, mixed_space.config_space)
    config = searcher.suggest("t0")
    mixed_space.validate(config)


def test_minimising_is_maximising_the_negative(name: str, cells: NASBench201) -> None:
    up, down = make(name, cells), make(name, cells, mode="min")
    for trial_id, config in equal_proposals(up, down, 40):
        up.on_trial_complete(trial_id=trial_id, result={"score": score(config)})
        down.on_trial_complete(trial_id=trial_id, result={"score": -score(config)})


def test_points_to_evaluate_come_first(name: str, cells: NASBench201) -> None:
    points = [cells.sample(random_state=seed) for seed in (5, 6)]
    searcher = make(name, cells, points_to_evaluate=points)
    assert [searcher.suggest("a"), searcher.suggest("b")] == points
    with pytest.raises(ValueError, match=r"points_to_evaluate\[1\].*edge_0_1"):
        make(name, cells, points_to_evaluate=[points[0], {**points[1], "edge_0_1": "conv7"}])


def test_pickling_keeps_the_search(name: str, cells: NASBench201) -> None:
    searcher, live, order = make(name, cells), {}, random.Random(5)
    drive(searcher, order, 0, 15, live)
    for module in (pickle, cloudpickle):
        clone = module.loads(module.dumps(searcher))
        assert drive(clone, copy_of(order), 15, 25, dict(live)) == drive(
            module.loads(module.dumps(searcher)), copy_of(order), 15, 25, dict(live)
        )


def test_param_space_joins_the_search(name: str, cells: NASBench201, tmp_path: Path) -> None:
    param_space = {
        "arch": cells,
        "optimizer": {"lr": tune.loguniform(1e-4, 1e-1), "name": tune.choice(["sgd", "adam"])},
        "note": "kept",
    }
    first, second = make(name, None), make(name, None)
    for searcher in (first, second):
        assert searcher.set_search_properties("score", "max", param_space)
    for number in range(20):
        config = first.suggest(f"t{number}")
        assert isinstance(config, dict)
        cells.validate(config["arch"])
        assert 1e-4 <= config["optimizer"]["lr"] <= 1e-1
        assert config["optimizer"]["name"] in ("sgd", "adam")
        assert "note" not in config
        assert second.suggest(f"t{number}") == config
        for searcher in (first, second):
            searcher.on_trial_complete(
                trial_id=f"t{number}", result={"score": config["optimizer"]["lr"]}
            )
    first.save(str(tmp_path / "state.json"))
    restored = make(name, None)
    restored.set_search_properties("score", "max", param_space)
    restored.restore(str(tmp_path / "state.json"))
    assert restored.suggest("next") == second.suggest("next")


def test_a_trial_that_failed_and_is_resumed_after_a_restore_counts(
    name: str, cells: NASBench201, tmp_path: Path
) -> None:
    def restored() -> ArchitectureSearcher:
        fresh = make(name, cells)
        fresh.restore(str(tmp_path / "state.json"))
        return fresh

    first = make(name, cells)
    drive(first, random.Random(1), 0, 12, {})
    first.suggest("lost")
    first.on_trial_complete(trial_id="lost", error=True)
    first.on_trial_result(
        trial_id="lost", result={"score": 9.0, "training_iteration": 1}
    )  # too late: nothing was restored
    first.save(str(tmp_path / "state.json"))
    assert list(record.load(tmp_path).trials.values())[-1].status == "error"
    second = restored()
    second.on_trial_complete(trial_id="lost", error=True)  # once more: it has failed already
    second.on_trial_result(trial_id="lost", result={"score": 8.0, "training_iteration": 1})
    second.save(str(tmp_path / "state.json"))
    assert list(record.load(tmp_path).trials.values())[-1].status == "unfinished"
    third = restored()
    for searcher in (second, third):
        searcher.on_trial_complete(trial_id="lost", result={"score": 9.0, "training_iteration": 2})
        searcher.on_trial_complete(trial_id="lost", result={"score": 1.0, "training_iteration": 3})
    assert [second.suggest(f"n{number}") for number in range(3)] == [
        third.suggest(f"n{number}") for number in range(3)
    ]
    third.save(str(tmp_path / "state.json"))
    lost = next(
        trial for trial in list(record.load(tmp_path).trials.values()) if trial.trial_id == "lost"
    )
    assert (lost.status, [report["score"] for report in lost.reports]) == ("completed", [8.0, 9.0])


def test_costs_are_checked_before_a_proposal_leaves(name: str, cells: NASBench201) -> None:
    def costs(config: dict) -> dict[str, float]:
        return {"convs": sum("conv" in operation for operation in config.values())}

    searcher = make(name, cells, costs=costs, constraints={"convs": (1, 2)})
    for number in range(40):
        config = searcher.suggest(f"t{number}")
        assert isinstance(config, dict)
        assert 1 <= costs(config)["convs"] <= 2
        searcher.on_trial_complete(trial_id=f"t{number}", result={"score": score(config)})
    impossible = make(name, cells, costs=costs, constraints={"convs": (7, None)})
    with pytest.raises(ValueError, match=r"convs must be in \[7, inf\].* from 0 to [4-6]"):
        impossible.suggest("t0")


@pytest.mark.parametrize("wrong", [None, 3.0, {"params": "many"}, {"params": None}])
def test_costs_that_are_no_figures_are_named_before_the_first_trial(
    name: str, cells: NASBench201, wrong: object
) -> None:
    with pytest.raises(ValueError, match="costs must return a dict of names to numbers, got"):
        make(name, cells, costs=lambda config: wrong).suggest("t0")


def trial_after_save(searcher: ArchitectureSearcher, folder: Path) -> record.TrialRecord:
    """The only trial in the record that the searcher saves."""
    searcher.save(str(folder / "state.json"))
    (trial,) = record.load(folder).trials.values()
    return trial


NUMBERS = [torch.tensor(0.5), np.array(0.5), np.float32(0.5), Fraction(1, 2), Decimal("0.5")]
NOT_NUMBERS = ["0.5", True, torch.ones(2), None]


@pytest.mark.parametrize(
    ("value", "status"),
    [
        *((value, "completed") for value in NUMBERS),
        *((value, "infeasible") for value in NOT_NUMBERS),
    ],
)
def test_numbers_of_any_kind_count_and_nothing_else_does(
    name: str, cells: NASBench201, value: object, status: str, tmp_path: Path
) -> None:
    searcher = make(name, cells)
    searcher.suggest("a")
    searcher.on_trial_result(trial_id="a", result={"score": value, "training_iteration": 1})
    searcher.on_trial_complete(trial_id="a")
    trial = trial_after_save(searcher, tmp_path)
    assert trial.status == status
    if status == "completed":
        assert trial.metrics["score"] == 0.5
    else:
        assert trial.reason.startswith("metric 'score' is not a number")


def test_the_state_is_made_of_json_values(name: str, cells: NASBench201) -> None:
    """Others, e.g. tuples, would not be looked into for parts that grow."""
    searcher = make(name, cells)
    drive(searcher, random.Random(1), 0, 30, {})
    state = searcher._get_state()
    parts = [state]
    while parts:
        part = parts.pop()
        assert part is None or type(part) in (dict, list, str, int, float, bool), part
        if isinstance(part, dict):
            assert all(type(key) is str for key in part), part
        if isinstance(part, dict | list):
            parts += part.values() if isinstance(part, dict) else part


def test_reported_constraints_make_infeasible(
    name: str, cells: NASBench201, tmp_path: Path
) -> None:
    searcher = make(name, cells, constraints={"latency": (None, 5.0)})
    searcher.suggest("slow")
    searcher.on_trial_complete(trial_id="slow", result={"score": 1.0, "latency": 9.0})
    trial = trial_after_save(searcher, tmp_path)
    assert (trial.status, trial.reason) == ("infeasible", "latency = 9 is outside of [-inf, 5]")


def resealed(fields: dict, **changes: str) -> str:
    """A state file with other fields and a right checksum."""
    del fields["crc32"]
    return state_file.encode({**fields, **changes})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "damaged"),
        (lambda text: "", "damaged"),
        (lambda text: '{"format": "other"}', "not a state file"),
        (lambda text: text.replace('"version": 3', '"version": 9'), "version 9"),
        (lambda text: text.replace('"scanned": 0', '"scanned": 7'), "damaged"),
        (lambda text: resealed(json.loads(text), searcher="Other"), "not of a"),
    ],
)
def test_a_damaged_or_foreign_state_is_refused(
    name: str, cells: NASBench201, tmp_path: Path, damage, message: str
) -> None:
    searcher = make(name, cells)
    drive(searcher, random.Random(6), 0, 8, {})
    path = tmp_path / "state.json"
    searcher.save(str(path))
    path.write_text(damage(path.read_text()))
    with pytest.raises(StateError, match=message):
        make(name, cells).restore(str(path))


def test_a_state_that_lacks_a_field_is_refused_and_stays_refused(
    name: str, cells: NASBench201, tmp_path: Path
) -> None:
    make(name, cells).save(str(tmp_path / "state.json"))
    state = state_file.read(tmp_path / "state.json")
    del state["strategy"]
    state_file.write(tmp_path / "state.json", state)
    searcher = make(name, cells)
    with pytest.raises(StateError, match="strategy"):
        searcher.restore(str(tmp_path / "state.json"))
    with pytest.raises(StateError, match="strategy"):
        searcher.suggest("a")


def test_a_damaged_record_and_another_space_are_refused(
    name: str, cells: NASBench201, small_space: SearchSpace, tmp_path: Path
) -> None:
    searcher = make(name, cells)
    drive(searcher, random.Random(6), 0, 8, {})
    path = tmp_path / "state.json"
    searcher.save(str(path))
    with pytest.raises(StateError, match="another space"):
        make(name, small_space).restore(str(path))
    with pytest.raises(StateError, match="metric"):
        make(name, cells, metric="other").restore(str(path))
    with pytest.raises(StateError, match="was saved for mode 'max', this searcher has 'min'"):
        make(name, cells, mode="min").restore(str(path))
    (recorded,) = tmp_path.glob(record_files.RECORD_FILES)
    content = recorded.read_bytes()
    recorded.write_bytes(content[:-20])  # of an earlier save: the state holds the rest
    make(name, cells).restore(str(path))
    recorded.write_bytes(content.replace(b"skip_connect", b"skip_konnect", 1))
    with pytest.raises(StateError, match="damaged"):
        make(name, cells).restore(str(path))
    recorded.unlink()
    with pytest.raises(StateError, match="missing"):
        make(name, cells).restore(str(path))


def test_missing_properties_are_named_before_the_first_trial(name: str, cells: NASBench201) -> None:
    with pytest.raises(ValueError, match="no space"):
        make(name, None).suggest("t0")
    with pytest.raises(ValueError, match="no metric"):
        make(name, cells, metric=None, mode=None).suggest("t0")
    with pytest.raises(ValueError, match="no mode"):
        make(name, cells, mode=None).suggest("t0")
    with pytest.raises(ValueError, match="mode must be"):
        make(name, cells, mode="maximum")
    with pytest.raises(ValueError, match="no parameters"):
        make(name, CS.ConfigurationSpace())
    with pytest.raises(TypeError, match="space must be"):
        make(name, {"lr": 1})
    with pytest.raises(ValueError, match="constraints"):
        make(name, cells, constraints={"params": 5})
    with pytest.raises(ValueError, match="objectives replaces"):
        make(name, cells, objectives={"score": "max"})


def test_lineage_is_recorded(name: str, cells: NASBench201, tmp_path: Path) -> None:
    searcher = make(name, cells)
    drive(searcher, random.Random(7), 0, 60, {})
    searcher.save(str(tmp_path / "state.json"))
    loaded = record.load(tmp_path)
    assert loaded.started == ExperimentStarted(
        name,
        cells.fingerprint,
        {"score": "max"},
        1,
        constraints={},
        domains=cells.domains,
        arguments=searcher.given_arguments.values,
    )
    assert loaded.started.arguments["seed"] == 1
    known = set()
    for trial in loaded.trials.values():
        assert set(trial.parents) <= known
        known.add(trial.trial_id)
    best = loaded.ranked()[0]
    assert best.metrics["score"] == max(
        trial.metrics["score"] for trial in loaded.trials.values() if trial.status == "completed"
    )
