"""What a state has grown by goes to the record, and comes back in its place."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ray_nas import record
from ray_nas.record.events import decode, encode
from ray_nas.schedulers import LearningCurveASHA
from ray_nas.searchers import RandomSearch
from ray_nas.spaces import SearchSpace
from ray_nas.state.incremental_state import IncrementalState

LARGE = 600


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


@settings(deadline=None, max_examples=15)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["set", "delete", "append", "cut", "grow", "lengthen", "drop"]),
            st.integers(0, 2 * LARGE),
            st.integers(0, 9),
        ),
        max_size=12,
    )
)
def test_any_change_of_a_large_part_comes_back(steps: list[tuple[str, int, int]]) -> None:
    state: dict[str, Any] = {
        "few": {"a": 1},
        "nested": [[1.0, {f"t{i}": [i] for i in range(LARGE)}]],
        "order": [f"t{i}" for i in range(LARGE)],
        "later": {"a": [0]},
    }
    incremental, events = IncrementalState(), []
    for what, where, value in [("set", 0, 0), *steps]:
        table, order = state["nested"][0][1], state["order"]
        if what == "set":
            table.setdefault(f"t{where}", []).append(value)  # in place: the state is alive
        elif what == "delete":
            table.pop(f"t{where}", None)
        elif what == "append":
            order += [f"t{where}"] * value
        elif what == "cut":
            del order[where:]
        elif what == "lengthen":  # a large part inside of what may grow large itself
            state["later"][f"long {value}"] = [where] * LARGE
        elif what == "drop":
            state["later"].pop(f"long {value}", None)
        else:
            state["later"].update({f"t{i}": [value] for i in range(where)})
        before = json.dumps(state)
        rest, changes = incremental.split(state)
        assert json.dumps(state) == before
        events += [decode(encode(change)) for change in changes]
        other = IncrementalState()
        for event in events:
            other.apply(event)
        assert other.merge(through_json(rest)) == through_json(state)
    assert rest["nested"] == [[1.0, None]]
    assert rest["few"] == {"a": 1}


@pytest.mark.parametrize("then", ["grow", "drop"])
def test_a_large_part_inside_of_another(then: str) -> None:
    state: dict[str, Any] = {"curves": {"a": list(range(LARGE)), "b": [0]}}
    incremental = IncrementalState()
    _, events = incremental.split(state)
    if then == "grow":
        state["curves"].update({f"t{i}": [i] for i in range(LARGE)})
    else:
        del state["curves"]["a"]
    rest, changes = incremental.split(state)
    other = IncrementalState()
    for event in [decode(encode(change)) for change in events + changes]:
        other.apply(event)
    assert other.merge(rest) == state


def test_the_state_file_of_a_long_experiment_stays_small(
    small_space: SearchSpace, tmp_path: Path
) -> None:
    def start() -> tuple[RandomSearch, LearningCurveASHA, SimpleNamespace]:
        searcher = RandomSearch(small_space, "score", "max", seed=0, repeats=True)
        scheduler = LearningCurveASHA(time_attr="epoch", metric="score", mode="max", max_t=9)
        return searcher, scheduler, SimpleNamespace(search_alg=SimpleNamespace(searcher=searcher))

    def go_on(
        searcher: RandomSearch,
        scheduler: LearningCurveASHA,
        controller: SimpleNamespace,
        numbers: range,
    ) -> list[str]:
        decisions = []
        for number in numbers:
            trial = SimpleNamespace(
                trial_id=f"t{number}",
                config=searcher.suggest(f"t{number}"),
                last_result={},
                status="RUNNING",
            )
            scheduler.on_trial_add(controller, trial)
            for epoch in (1, 2, 3):
                result = {"epoch": epoch, "score": (number * 7919 % 100) / 100 + epoch / 1000}
                decisions.append(scheduler.on_trial_result(controller, trial, result))
                if decisions[-1] == "STOP":
                    break
                searcher.on_trial_result(trial.trial_id, result)
            scheduler.on_trial_complete(controller, trial, result)
            searcher.on_trial_complete(trial_id=trial.trial_id, result=result)
        return decisions

    searcher, scheduler, controller = start()
    sizes = []
    for begin in (0, 1_000, 2_000, 3_000):
        go_on(searcher, scheduler, controller, range(begin, begin + 1_000))
        searcher.save(str(tmp_path / "state.json"))
        sizes.append((tmp_path / "state.json").stat().st_size)
    assert sizes[-1] < 1.1 * sizes[0]
    assert (
        len(list(record.load(tmp_path).trials.values())) == 4_000
    )  # readers of the record pass the new events over
    lines = len(list(record.read_events(tmp_path)))
    searcher.save(str(tmp_path / "state.json"))
    assert len(list(record.read_events(tmp_path))) == lines  # nothing new, nothing written

    again, scheduler_again, controller_again = start()
    again.restore(str(tmp_path / "state.json"))
    for trial in list(record.load(tmp_path).trials.values()):  # as Tune does after a restore
        scheduler_again.on_trial_add(
            controller_again,
            SimpleNamespace(trial_id=trial.trial_id, config=trial.config, status="TERMINATED"),
        )
    new = range(4_000, 4_100)
    assert go_on(again, scheduler_again, controller_again, new) == go_on(
        searcher, scheduler, controller, new
    )
    assert json.dumps(scheduler_again.get_state(), sort_keys=True) == json.dumps(
        scheduler.get_state(), sort_keys=True
    )
