"""Events as lines of JSON: what is written, read back, refused."""

import json
import math
from typing import Any

import pytest

from ray_nas.record.events import (
    CandidatesScored,
    ExperimentStarted,
    ScoresAudited,
    StateChanged,
    SupernetEnded,
    SupernetStarted,
    TrialEnded,
    TrialProposed,
    TrialReported,
    TrialRestarted,
    TrialResumed,
    TrialsImported,
    UnknownEvent,
    WeightsInherited,
    decode,
    encode,
)

ALL = [
    ExperimentStarted("RandomSearch", "abc", {"loss": "min"}, None),
    TrialProposed("a", {"x": 1, "kernel": [3, [5]]}, "mutation", ("b", "c"), "retrain"),
    TrialReported("a", {"loss": 0.5, "epoch": 3}, True),
    TrialEnded("a", "infeasible", "too large", True, 12.5),
    TrialResumed("a"),
    TrialRestarted("a", "b"),
    WeightsInherited("a", "preserved"),
    TrialsImported({"earlier_0": {"config": {"x": 1}, "metrics": {"loss": 1.0}}}, False),
    SupernetStarted("a", "spos", 50, 3),
    SupernetEnded("a", "completed", ""),
    CandidatesScored("size", [{"x": 1}, {"x": 2}], [0.5, 3.0], 1.5, [{"n": 1.0}, {"n": 2.0}]),
    CandidatesScored("size", [{"x": 1}], [0.5], 1.5),
    ScoresAudited(16, 0.1, -0.3, 0.4, True),
    StateChanged(("curves", 0), "dict", updated={"a": [1]}, removed=("b",)),
    StateChanged(("order",), "list", start=3, items=["a"]),
    StateChanged(("order",), "dropped"),
]


@pytest.mark.parametrize("event", ALL, ids=lambda event: type(event).__name__)
def test_every_event_survives_its_line(event: Any) -> None:
    line = encode(event)
    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    assert decode(line) == event


def test_scores_that_json_lacks_are_text_in_the_file_alone() -> None:
    event = CandidatesScored("size", [{"x": 1}], [math.nan], 1.0, [{"n": math.inf}])
    line = encode(event)
    assert json.loads(line)["scores"] == ["nan"]
    read = decode(line)
    assert isinstance(read, CandidatesScored)
    assert math.isnan(read.scores[0])
    assert read.measures == [{"n": math.inf}]


def test_scores_that_do_not_match_their_configs_are_refused() -> None:
    line = encode(CandidatesScored("size", [{"x": 1}], [1.0, 2.0], 1.0))
    with pytest.raises(ValueError, match="one for each config"):
        decode(line)


def test_defaults_are_left_out() -> None:
    assert json.loads(encode(TrialEnded("a", "completed"))) == {
        "event": "end",
        "trial": "a",
        "status": "completed",
    }


def test_numbers_that_json_lacks_are_text_in_the_file_alone() -> None:
    metrics = {"loss": math.nan, "time": math.inf, "gain": -math.inf, "epoch": 1}
    line = encode(TrialReported("d", metrics))
    assert b'{"loss":"nan","time":"inf","gain":"-inf","epoch":1}' in line
    event = decode(line)
    assert isinstance(event, TrialReported)
    assert math.isnan(event.metrics.pop("loss"))
    assert event.metrics == {"time": math.inf, "gain": -math.inf, "epoch": 1}


def test_unknown_kinds_and_unknown_fields_are_skipped() -> None:
    assert decode(b'{"event": "later invention", "trial": 7}') == UnknownEvent("later invention")
    assert decode(b'{"event": "resumed", "trial": "a", "why": 1}') == TrialResumed("a")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"[]", "must be an object"),
        (b"{}", "must be an object"),
        (b'{"event": []}', "must be an object"),
        (b'{"event": "experiment", "version": 99}', "version 99, newer than 2"),
        (b'{"event": "experiment", "version": 1}', "version 1, this package reads version 2"),
        (b'{"event": "experiment"}', "version None"),
    ],
)
def test_lines_that_are_not_events_are_refused(line: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode(line)


DEEP: Any = 1
for _ in range(11):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("event", "field", "value", "message"),
    [
        (ALL[0], "searcher", None, "searcher of the experiment must be str, got None"),
        (ALL[0], "objectives", None, "objectives of the experiment must be dict, got None"),
        (ALL[0], "objectives", {}, "objectives must be metrics to 'min' or 'max', got {}"),
        (ALL[0], "objectives", {"loss": ["min"]}, "objectives must be metrics to 'min' or 'max'"),
        (ALL[0], "seed", "one", r"seed of the experiment must be int \| None, got 'one'"),
        (ALL[1], "trial", 7, "trial of the proposal must be str, got 7"),
        (ALL[1], "config", "x", "config of the proposal must be dict, got 'x'"),
        (ALL[1], "config", {"x": {"y": 1}}, "config must be flat"),
        (ALL[1], "config", {"x": DEEP}, "config must be flat"),
        (ALL[1], "parents", [1], r"parents of the proposal must be a list"),
        (ALL[1], "role", "cook", "role of the proposal must be one of 'search', 'retrain'"),
        (ALL[2], "metrics", [1.0], r"metrics of the result must be dict, got \[1.0\]"),
        (ALL[2], "metrics", {"loss": "low"}, "metrics must be numbers, got 'low'"),
        (ALL[2], "metrics", {"loss": True}, "metrics must be numbers, got True"),
        (ALL[2], "metrics", {"loss": [1.0]}, "metrics must be numbers"),
        (ALL[2], "metrics", {"loss": 10**400}, "too large"),
        (ALL[3], "status", 1, "status of the end must be one of"),
    ],
)
def test_a_field_of_the_wrong_type_is_named(
    event: Any, field: str, value: Any, message: str
) -> None:
    entries = json.loads(encode(event))
    entries[field] = value
    with pytest.raises(ValueError, match=message):
        decode(json.dumps(entries).encode())


@pytest.mark.parametrize("event", ALL, ids=lambda event: type(event).__name__)
def test_a_missing_field_is_named(event: Any) -> None:
    entries = json.loads(encode(event))
    required = next(name for name in entries if name not in ("event", "version"))
    del entries[required]
    with pytest.raises(ValueError, match=f"{required} of the {event.kind} is missing"):
        decode(json.dumps(entries).encode())
