"""The record file: what is written, read back, refused."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from ray_nas.record import RecordError, RecordWriter, events, load
from ray_nas.record import files as record_files

HEADER = {
    "event": "experiment",
    "version": 1,
    "searcher": "RandomSearch",
    "space": "abc",
    "objectives": {"loss": "min"},
    "seed": 1,
}


def filled() -> RecordWriter:
    writer = RecordWriter()
    writer.append(HEADER)
    for name, parents, loss in (("a", [], 2.0), ("b", ["a"], 1.0), ("c", ["b", "a"], 3.0)):
        writer.append(
            {
                "event": "proposal",
                "trial": name,
                "config": {"x": 1},
                "move": "mutation",
                "parents": parents,
            }
        )
        writer.append({"event": "result", "trial": name, "metrics": {"loss": loss}})
        writer.append({"event": "end", "trial": name, "status": "completed", "reason": ""})
    return writer


def test_ranking_and_lineage(tmp_path: Path) -> None:
    filled().save(tmp_path)
    loaded = load(tmp_path)
    assert [trial.trial_id for trial in loaded.ranked()] == ["b", "a", "c"]
    assert [trial.trial_id for trial in loaded.lineage("c")] == ["c", "b", "a"]
    assert loaded.lineage("z") == []


def test_saves_append_and_restore_goes_back(tmp_path: Path) -> None:
    writer = filled()
    mark = writer.save(tmp_path)
    (path,) = tmp_path.glob(record_files.RECORD_FILES)
    first = path.read_bytes()
    writer.append(
        {"event": "proposal", "trial": "d", "config": {}, "move": "random", "parents": []}
    )
    writer.save(tmp_path)
    assert path.read_bytes().startswith(first)
    again = RecordWriter()
    assert len(again.restore(tmp_path, mark)) == 10
    assert again.save(tmp_path) == mark
    assert path.read_bytes() == first


def test_a_run_that_goes_on_elsewhere_takes_its_record_along(tmp_path: Path) -> None:
    writer = filled()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    writer.save(tmp_path / "a")
    writer.append(
        {"event": "proposal", "trial": "d", "config": {}, "move": "random", "parents": []}
    )
    writer.save(tmp_path / "b")
    assert [len(load(tmp_path / folder).trials) for folder in "ab"] == [3, 4]


def test_each_writer_has_a_record_of_its_own_and_the_newest_is_read(tmp_path: Path) -> None:
    assert filled().save(tmp_path)["file"] < RecordWriter().save(tmp_path)["file"]
    first, second = record_files.find(tmp_path)
    writer = RecordWriter()
    writer.append(HEADER)
    mark = writer.save(tmp_path)
    assert load(tmp_path).trials == []
    assert len(list(events(tmp_path))) == 1
    assert len(load(first).trials) == 3
    again = RecordWriter()
    again.restore(tmp_path, mark)
    assert again.save(tmp_path) == mark
    assert record_files.find(tmp_path) == [first, second, str(tmp_path / mark["file"])]


def test_a_writer_that_moves_writes_over_no_other_record(tmp_path: Path) -> None:
    """Two copies of a search that go on in one folder."""
    (tmp_path / "a").mkdir()
    mark = filled().save(tmp_path / "a")
    for _ in range(2):
        writer = RecordWriter()
        writer.restore(tmp_path / "a", mark)
        writer.save(tmp_path / "b")
    assert [len(load(file).trials) for file in record_files.find(tmp_path / "b")] == [3, 3]


def test_numbers_that_json_lacks_are_text_in_the_file_alone(tmp_path: Path) -> None:
    writer = filled()
    writer.append(
        {"event": "proposal", "trial": "d", "config": {}, "move": "random", "parents": []}
    )
    writer.append(
        {
            "event": "result",
            "trial": "d",
            "metrics": {"loss": math.nan, "time": math.inf, "gain": -math.inf, "epoch": 1},
        }
    )
    writer.append({"event": "end", "trial": "d", "status": "completed", "reason": ""})
    mark = writer.save(tmp_path)
    assert (
        b'{"loss":"nan","time":"inf","gain":"-inf","epoch":1}'
        in (tmp_path / mark["file"]).read_bytes()
    )
    for metrics in (
        load(tmp_path).trials[-1].metrics,
        RecordWriter().restore(tmp_path, mark)[-2]["metrics"],
    ):
        assert math.isnan(metrics.pop("loss"))
        assert metrics == {"time": math.inf, "gain": -math.inf, "epoch": 1}
    assert [trial.trial_id for trial in load(tmp_path).ranked()] == ["b", "a", "c"]


def test_a_torn_last_line_is_left_out_and_a_torn_middle_refused(tmp_path: Path) -> None:
    filled().save(tmp_path)
    (path,) = tmp_path.glob(record_files.RECORD_FILES)
    content = path.read_bytes()
    path.write_bytes(content[:-10])
    assert load(tmp_path).trials[-1].status == "unfinished"
    path.write_bytes(content.replace(b'"config"', b'"konf', 1))
    with pytest.raises(RecordError, match="line 2"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not begin"),
        (b"[]\n", "is no event"),
        (
            b'{"event": "result", "trial": "nobody", "metrics": {}}\n',
            "result of trial 'nobody', which was never proposed",
        ),
        (b"{}\n", "line 1: {} is no event"),
        (b'{"event": []}\n', "is no event"),
        (b"[" * 100_000 + b"\n", "damaged in line 1: maximum recursion depth"),
        (b'{"event": "experiment", "version": 99}\n', "version 99"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / record_files.new_name()).write_bytes(content)
    with pytest.raises(RecordError, match=message):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match="no ray_nas_record"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("event", "changes", "message"),
    [
        ("experiment", {"version": None}, "version of the experiment must be int, got None"),
        ("experiment", {"searcher": None}, "searcher of the experiment must be str, got None"),
        ("experiment", {"objectives": None}, "objectives of the experiment must be dict, got None"),
        ("experiment", {"objectives": {}}, "objectives must be metrics to 'min' or 'max', got {}"),
        (
            "experiment",
            {"objectives": {"loss": ["min"]}},
            r"objectives must be metrics to 'min' or 'max', got {'loss': \['min'\]}",
        ),
        ("experiment", {"seed": "one"}, r"seed of the experiment must be int \| None, got 'one'"),
        ("proposal", {"trial": 7}, "trial of the proposal must be str, got 7"),
        ("proposal", {"config": "x"}, "config of the proposal must be dict, got 'x'"),
        ("proposal", {"config": {"x": {"y": 1}}}, "config must be flat"),
        ("proposal", {"config": {"x": [[[[[[[[[[[1]]]]]]]]]]]}}, "config must be flat"),
        ("proposal", {"parents": [1]}, r"parents must be trial ids, got \[1\]"),
        ("result", {"metrics": [1.0]}, r"metrics of the result must be dict, got \[1.0\]"),
        ("result", {"metrics": {"loss": "low"}}, "metrics must be numbers, got 'low'"),
        ("result", {"metrics": {"loss": True}}, "metrics must be numbers, got True"),
        ("result", {"metrics": {"loss": [1.0]}}, "metrics must be numbers"),
        ("result", {"metrics": {"loss": 10**400}}, "too large"),
        ("end", {"status": 1}, "status of the end must be str, got 1"),
    ],
)
def test_what_is_missing_or_of_a_wrong_type_is_named(
    tmp_path: Path, event: str, changes: dict[str, Any], message: str
) -> None:
    mark = filled().save(tmp_path)
    path = tmp_path / mark["file"]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    odd = next(line for line in lines if line["event"] == event)
    odd.update(changes)
    for fields in (
        odd,
        {name: value for name, value in odd.items() if changes.get(name, "") is not None},
    ):  # None: missing too
        path.write_text(
            "".join(json.dumps(fields if line is odd else line) + "\n" for line in lines)
        )
        with pytest.raises(RecordError, match=message):
            load(tmp_path)


def test_a_tuple_in_a_config_and_what_is_new_are_taken(tmp_path: Path) -> None:
    writer = filled()
    writer.append({"event": "later invention", "trial": 7})
    writer.append(
        {
            "event": "proposal",
            "trial": "d",
            "config": {"kernel": (3, (5, 7))},
            "move": "random",
            "parents": [],
            "why": 1,
        }
    )
    writer.save(tmp_path)
    assert load(tmp_path).trials[-1].config == {"kernel": [3, [5, 7]]}


def test_a_second_run_takes_the_place_of_the_failed_one(tmp_path: Path) -> None:
    writer = RecordWriter()
    writer.append(HEADER)
    for name, parents in (("a", []), ("b", ["a"])):
        writer.append(
            {
                "event": "proposal",
                "trial": name,
                "config": {"x": 1},
                "move": "mutation",
                "parents": parents,
            }
        )
        writer.append({"event": "result", "trial": name, "metrics": {"loss": 9.0}})
        writer.append(
            {
                "event": "end",
                "trial": name,
                "status": "error",
                "reason": "the trainable raised an error",
            }
        )
    writer.append({"event": "restarted", "trial": "a", "as": "c"})
    writer.append({"event": "result", "trial": "a", "metrics": {"loss": 2.0}})
    writer.append({"event": "end", "trial": "a", "status": "completed", "reason": ""})
    writer.save(tmp_path)
    second, child = load(tmp_path).trials
    assert (second.trial_id, second.status, second.results) == ("c", "completed", [{"loss": 2.0}])
    assert (child.trial_id, child.parents, child.status) == ("b", ["c"], "error")
