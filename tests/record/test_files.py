from pathlib import Path

import pytest

from ray_nas.record import files


def test_records_are_found_oldest_first_and_read_by_path_or_uri(tmp_path: Path) -> None:
    older, newer = (files.RECORD_FILES.replace("*", day) for day in ("2025", "2026"))
    (tmp_path / newer).write_bytes(b"new")
    (tmp_path / older).write_bytes(b"old")
    (tmp_path / "other.json").write_bytes(b"{}")
    for place in (str(tmp_path), f"file://{tmp_path}"):
        found = files.find(place)
        assert [Path(file).name for file in found] == [older, newer]
        assert [files.read(file) for file in found] == [b"old", b"new"]
        assert files.find(found[0]) == found[:1]


def test_names_sort_by_time() -> None:
    names = [files.new_name() for _ in range(3)]
    assert names == sorted(names)
    assert Path(names[0]).match(files.RECORD_FILES)


def test_a_folder_without_a_record_is_named(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "absent", f"file://{tmp_path}"):
        with pytest.raises(FileNotFoundError, match="is it the folder of an experiment"):
            files.find(place)
    with pytest.raises(ValueError, match="pyarrow cannot read nowhere://run"):
        files.find("nowhere://run")


@pytest.mark.parametrize(
    ("place", "inside"),
    [
        ("runs/", "runs/a"),
        ("what?/runs", "what?/runs/a"),
        ("s3://bucket/runs/?region=x", "s3://bucket/runs/a?region=x"),
    ],
)
def test_inside_keeps_a_uris_options_at_its_end(place: str, inside: str) -> None:
    assert files.inside(place, "a") == inside
