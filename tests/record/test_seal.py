"""Checksums of lines: any changed byte is found and named."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ray_nas.record.seal import SealError, check, seal

BODY = b'{"event":"result","trial":"a","metrics":{"accuracy":0.83,"epoch":3},"tags":["x","y"]}'


def sealed(before: int = 0) -> bytes:
    return seal(BODY + b"\n", before)[0][:-1]


def test_a_sealed_line_is_json_and_continues_the_sum() -> None:
    line, checksum = seal(BODY + b"\n", 5)
    assert json.loads(line)["metrics"] == {"accuracy": 0.83, "epoch": 3}
    assert check(line[:-1], 5) == checksum
    assert seal(BODY + b"\n", checksum)[1] != checksum


@settings(deadline=None, max_examples=200)
@given(place=st.integers(0, len(sealed()) - 1), flip=st.integers(1, 255))
def test_any_changed_byte_is_found_with_what_it_was(place: int, flip: int) -> None:
    changed = bytearray(sealed(7))
    changed[place] ^= flip
    with pytest.raises(SealError) as found:
        check(bytes(changed), 7)
    assert found.value.original == sealed(7)


def test_the_changed_field_is_named() -> None:
    with pytest.raises(SealError, match=r"metrics.accuracy is 0.33, and was 0.83 \(byte 55 is "):
        check(sealed().replace(b"0.83", b"0.33"), 0)
    with pytest.raises(SealError, match=r"tags.1 is 'z', and was 'y'"):
        check(sealed().replace(b'"y"', b'"z"'), 0)
    with pytest.raises(SealError, match=r"^byte 2 is b'x', and was b'\"'$"):
        check(sealed().replace(b'{"event', b"{xevent"), 0)


def test_a_missing_line_and_larger_changes_are_found() -> None:
    for line, before in (
        (sealed(0x1234_5678), 0x9ABC_DEF0),
        (sealed().replace(b"0.83", b"1.99"), 0),
        (BODY, 0),
    ):
        with pytest.raises(SealError, match="was changed, or a line before is missing") as found:
            check(line, before)
        assert found.value.original is None


def test_a_changed_byte_of_a_long_line_is_found() -> None:
    line = seal(b'{"configs":[' + b"1," * 3000 + b"1]}\n", 0)[0][:-1]
    with pytest.raises(SealError, match=r"configs.2994 is 7, and was 1"):
        check(line[:6000] + b"7" + line[6001:], 0)
