"""The checksum at the end of each line of a record, over the line and all lines before it.

So a changed, missing or moved line is found, even if no value in it matters. The sum is a CRC-32:
it finds every change of one byte, and what the byte was. It protects against damage, not against
forgery.
"""

import json
import reprlib
import zlib
from typing import Any, Final

_FORMAT: Final = b',"crc32":"%08x"}'
_LENGTH: Final = len(_FORMAT % 0)
_MAX_REPAIRED: Final = 8192
"""The longest line, in bytes, in which a changed byte is looked for."""


class SealError(ValueError):
    """A line that is not what was written; the message says what differs, if it is one byte."""

    def __init__(self, message: str, original: bytes | None = None) -> None:
        super().__init__(message)
        self.original = original
        """What the line was; None if more than one byte differs."""


def seal(line: bytes, before: int) -> tuple[bytes, int]:
    r"""Adds the checksum to a line.

    Args:
        line: A JSON object and a newline.
        before: The checksum of the line before; 0 for the first line.

    Returns:
        The sealed line and its checksum.

    Example:
        >>> seal(b'{"event":"x"}\n', 0)
        (b'{"event":"x","crc32":"ba63326d"}\n', 3127063149)
    """
    body = line[:-2]
    checksum = zlib.crc32(body, before)
    return body + _FORMAT % checksum + b"\n", checksum


def check(line: bytes, before: int) -> int:
    """Checks a sealed line.

    Args:
        line: The line without its newline.
        before: The checksum of the line before; 0 for the first line.

    Returns:
        The line's checksum.

    Raises:
        SealError: The line is not what was written, or a line before it is missing.
    """
    body, end = line[:-_LENGTH], line[-_LENGTH:]
    checksum = zlib.crc32(body, before)
    if end == _FORMAT % checksum:
        return checksum
    original = _original(body, end, before)
    if original is None:
        raise SealError("its checksum does not match: it was changed, or a line before is missing")
    raise SealError(_difference(original, line), original)


def _original(body: bytes, end: bytes, before: int) -> bytes | None:
    """The line before one byte of it was changed; None if it was more than one."""
    right_end = _FORMAT % zlib.crc32(body, before)
    if sum(one != other for one, other in zip(end, right_end, strict=False)) == 1:
        return body + right_end
    try:
        checksum = int(end[-10:-2], 16)
    except ValueError:
        return None
    if end != _FORMAT % checksum or len(body) > _MAX_REPAIRED:
        return None
    wanted = checksum ^ zlib.crc32(body, before)
    for place in range(len(body)):
        flip = _flip(len(body) - place - 1, wanted)
        if flip is not None:
            return body[:place] + bytes([body[place] ^ flip]) + body[place + 1 :] + end
    return None


def _flip(after: int, wanted: int) -> int | None:
    """The bits of a byte that change a checksum by `wanted`; None if no change of it does.

    A CRC is linear: what a change of one byte changes depends on the bytes after it by number only.

    Args:
        after: How many bytes follow.
        wanted: The exclusive or of both checksums.
    """
    zeros = bytes(after)
    base = zlib.crc32(b"\0" + zeros)
    effects = [0]
    for bit in range(8):
        effect = zlib.crc32(bytes([1 << bit]) + zeros) ^ base
        effects += [other ^ effect for other in effects]
    return effects.index(wanted) if wanted in effects else None


def _difference(original: bytes, changed: bytes) -> str:
    """What one changed byte changed: the field where both lines are JSON, else the byte."""
    place = next(index for index, byte in enumerate(original) if byte != changed[index])
    was, now = original[place : place + 1], changed[place : place + 1]
    text = f"byte {place + 1} is {now!r}, and was {was!r}"
    try:
        path, old, new = _changed_field(json.loads(original), json.loads(changed), ())
    except ValueError:
        return text
    name = ".".join(map(str, path)) or "the line"
    return f"{name} is {reprlib.repr(new)}, and was {reprlib.repr(old)} ({text})"


def _changed_field(
    old: Any, new: Any, path: tuple[str | int, ...]
) -> tuple[tuple[str | int, ...], Any, Any]:
    """The innermost field that differs, with both values."""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        for key in old:
            if old[key] != new[key]:
                return _changed_field(old[key], new[key], (*path, key))
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            if one != other:
                return _changed_field(one, other, (*path, index))
    return path, old, new
