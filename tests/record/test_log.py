"""The file behind a record: saves append, a restore goes back, nothing is overwritten."""

from pathlib import Path

import pytest

from ray_nas.record import RecordError, files, load, read_events
from ray_nas.record.events import ExperimentStarted, TrialProposed
from ray_nas.record.log import EventLog

NEW = TrialProposed("d", {}, "random", ())


def test_saves_append_and_a_restore_goes_back(log: EventLog, tmp_path: Path) -> None:
    mark = log.save(tmp_path)
    (path,) = tmp_path.glob(files.RECORD_FILES)
    first = path.read_bytes()
    log.append(NEW)
    log.save(tmp_path)
    assert path.read_bytes().startswith(first)
    again = EventLog()
    assert len(again.restore(tmp_path, mark)) == 10
    assert again.save(tmp_path) == mark
    assert path.read_bytes() == first


def test_a_search_that_continues_elsewhere_copies_its_record(log: EventLog, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    log.save(tmp_path / "a")
    log.append(NEW)
    log.save(tmp_path / "b")
    assert [len(load(tmp_path / folder).trials) for folder in "ab"] == [3, 4]


def test_each_log_has_its_own_file_and_the_newest_is_read(log: EventLog, tmp_path: Path) -> None:
    assert log.save(tmp_path)["file"] < EventLog().save(tmp_path)["file"]
    first, second = files.find(tmp_path)
    newest = EventLog()
    newest.append(ExperimentStarted("RandomSearch", "abc", {"loss": "min"}, 1))
    mark = newest.save(tmp_path)
    assert load(tmp_path).trials == {}
    assert len(list(read_events(tmp_path))) == 1
    assert len(load(first).trials) == 3
    again = EventLog()
    again.restore(tmp_path, mark)
    assert again.save(tmp_path) == mark
    assert files.find(tmp_path) == [first, second, str(tmp_path / mark["file"])]


def test_two_copies_in_one_folder_overwrite_nothing(log: EventLog, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    mark = log.save(tmp_path / "a")
    for _ in range(2):
        copy = EventLog()
        copy.restore(tmp_path / "a", mark)
        copy.save(tmp_path / "b")
    assert [len(load(file).trials) for file in files.find(tmp_path / "b")] == [3, 3]


@pytest.mark.parametrize("damage", ["shorter", "changed", "missing"])
def test_a_record_that_does_not_match_its_mark_is_refused(
    log: EventLog, tmp_path: Path, damage: str
) -> None:
    mark = log.save(tmp_path)
    path = tmp_path / mark["file"]
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[:-9] if damage == "shorter" else content.replace(b"2.0", b"1.0"))
    with pytest.raises(RecordError, match=r"is missing|is damaged"):
        EventLog().restore(tmp_path, mark)
