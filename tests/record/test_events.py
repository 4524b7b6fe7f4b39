"""Events as lines of JSON: what is written, read back, refused."""

import json
import math
from typing import Any, get_args

import pytest

from ray_nas.record.events import (
    CandidatesScored,
    Event,
    TrialEnded,
    TrialReported,
    TrialResumed,
    UnknownEvent,
    decode,
    encode,
)

LINES = [
    b'{"event":"experiment","searcher":"RandomSearch","space":"abc","objectives":{"loss":"min"},'
    b'"seed":null,"version":3}',
    b'{"event":"proposal","trial":"a","config":{"x":1,"kernel":[3,[5]]},"move":"mutation",'
    b'"parents":["b","c"],"role":"retrain"}',
    b'{"event":"scheduler","scheduler":"LearningCurveASHA","arguments":{"max_t":9},'
    b'"unrecorded":{"prior":"DataFrame"}}',
    b'{"event":"result","trial":"a","metrics":{"loss":0.5,"epoch":3},"final":true}',
    b'{"event":"end","trial":"a","status":"infeasible","reason":"too large","out_of_memory":true,'
    b'"size":12.5}',
    b'{"event":"resumed","trial":"a"}',
    b'{"event":"restarted","trial":"a","new_id":"b"}',
    b'{"event":"inheritance","trial":"a","how":"preserved"}',
    b'{"event":"earlier","trials":{"earlier_0":{"config":{"x":1},"metrics":{"loss":1.0}}},'
    b'"same_task":false}',
    b'{"event":"supernet","trial":"a","strategy":"spos","epochs":50,"seed":3}',
    b'{"event":"supernet_end","trial":"a","status":"completed","reason":""}',
    b'{"event":"scores","score":"size","configs":[{"x":1},{"x":2}],"scores":[0.5,3.0],'
    b'"seconds":1.5,"measures":[{"n":1.0},{"n":2.0}]}',
    b'{"event":"audit","results":16,"correlation":0.1,"low":-0.3,"high":0.4,"dropped":true}',
    b'{"event":"state","path":["curves",0],"change":"dict","updated":{"a":[1]},"removed":["b"]}',
    b'{"event":"state","path":["order"],"change":"list","start":3,"items":["a"]}',
    b'{"event":"state","path":["order"],"change":"dropped"}',
]
"""Events as they stand in a record."""


def kind_of(line: bytes) -> str:
    return json.loads(line)["event"]


def test_every_kind_has_a_line() -> None:
    assert {kind_of(line) for line in LINES} == {cls.kind for cls in get_args(Event)}


@pytest.mark.parametrize("line", LINES, ids=kind_of)
def test_every_event_survives_its_line(line: bytes) -> None:
    event = decode(line)
    assert event.kind == kind_of(line)
    assert encode(event) == line + b"\n"


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
        (b'{"event": "experiment", "version": 99}', "version 99, newer than 3"),
        (b'{"event": "experiment", "version": 1}', "version 1, this package reads version 3"),
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
    ("line", "field", "value", "message"),
    [
        (LINES[0], "searcher", None, "searcher of the experiment must be str, got None"),
        (LINES[0], "objectives", None, "objectives of the experiment must be dict, got None"),
        (LINES[0], "objectives", {}, "objectives must be metrics to 'min' or 'max', got {}"),
        (LINES[0], "objectives", {"loss": ["min"]}, "objectives must be metrics to 'min' or 'max'"),
        (LINES[0], "seed", "one", r"seed of the experiment must be int \| None, got 'one'"),
        (LINES[1], "trial", 7, "trial of the proposal must be str, got 7"),
        (LINES[1], "config", "x", "config of the proposal must be dict, got 'x'"),
        (LINES[1], "config", {"x": {"y": 1}}, "config must be flat"),
        (LINES[1], "config", {"x": DEEP}, "config must be flat"),
        (LINES[1], "parents", [1], r"parents of the proposal must be a list"),
        (LINES[1], "role", "cook", "role of the proposal must be one of 'search', 'retrain'"),
        (LINES[3], "metrics", [1.0], r"metrics of the result must be dict, got \[1.0\]"),
        (LINES[3], "metrics", {"loss": "low"}, "metrics must be numbers, got 'low'"),
        (LINES[3], "metrics", {"loss": True}, "metrics must be numbers, got True"),
        (LINES[3], "metrics", {"loss": [1.0]}, "metrics must be numbers"),
        (LINES[3], "metrics", {"loss": 10**400}, "too large"),
        (LINES[4], "status", 1, "status of the end must be one of"),
    ],
)
def test_a_field_of_the_wrong_type_is_named(
    line: bytes, field: str, value: Any, message: str
) -> None:
    entries = json.loads(line)
    entries[field] = value
    with pytest.raises(ValueError, match=message):
        decode(json.dumps(entries).encode())


@pytest.mark.parametrize("line", LINES, ids=kind_of)
def test_a_missing_field_is_named(line: bytes) -> None:
    entries = json.loads(line)
    required = next(name for name in entries if name not in ("event", "version"))
    del entries[required]
    with pytest.raises(ValueError, match=f"{required} of the {kind_of(line)} is missing"):
        decode(json.dumps(entries).encode())
