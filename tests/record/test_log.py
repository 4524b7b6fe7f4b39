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


def test_a_record_of_an_earlier_save_is_completed(log: EventLog, tmp_path: Path) -> None:
    early = tmp_path / log.save(tmp_path)["file"]
    before = early.read_bytes()
    for _ in range(3):
        log.append(NEW)
        mark = log.save(tmp_path)
    after = early.read_bytes()
    early.write_bytes(before)
    again = EventLog()
    assert len(again.restore(tmp_path, mark)) == 13
    assert early.read_bytes() == before  # a restore writes nothing
    assert again.save(tmp_path)["crc32"] == mark["crc32"]
    assert early.read_bytes() == after


def test_a_mark_holds_the_last_saves_only(tmp_path: Path) -> None:
    log = EventLog()
    sizes = []
    for number in range(100):
        log.append(TrialProposed(str(number), {"note": 1000 * "x"}, "random", ()))
        mark = log.save(tmp_path)
        sizes.append(len(mark["tail"]))
    assert 64_000 < sizes[-1] <= 65_536
    assert (tmp_path / mark["file"]).read_text().endswith(mark["tail"])


@pytest.mark.parametrize("damage", ["much shorter", "changed", "missing"])
def test_a_record_that_does_not_match_its_mark_is_refused(tmp_path: Path, damage: str) -> None:
    log = EventLog()
    for number in range(100):
        log.append(TrialProposed(str(number), {"note": 1000 * "x"}, "random", ()))
        mark = log.save(tmp_path)
    path = tmp_path / mark["file"]
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "changed":
        path.write_bytes(content.replace(b"xxx", b"xyx", 1))
    else:
        path.write_bytes(content[: len(content) // 4])
    with pytest.raises(RecordError, match=r"is missing|is damaged"):
        EventLog().restore(tmp_path, mark)
