"""The arguments that all searchers share, in every signature and docstring.

`ArchitectureSearcher` holds their defaults and texts, `SearcherArguments` their types for type
checkers (PEP 692). A strategy takes `**common: Unpack[SearcherArguments]`; `complete` then puts
the shared arguments into the signature and the docstring that `help` shows.
"""

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypedDict

from ray_nas.checks import Limits
from ray_nas.searchers.core.known_costs import Costs


class SearcherArguments(TypedDict, total=False):
    """Keyword arguments of every searcher; `ArchitectureSearcher` explains them."""

    objectives: Mapping[str, str] | None
    constraints: Mapping[str, Limits] | None
    costs: Costs | None
    baseline: Mapping[str, Any] | None
    points_to_evaluate: Sequence[Mapping[str, Any]] | None
    seed: int | None
    repeats: bool


_HEADER: Final = "Args:"
_INDENT: Final = "    "
_ARGUMENT: Final = re.compile(_INDENT + r"(\w+): ")


def complete(cls: type, base: type) -> None:
    """Puts the shared arguments into a searcher's signature and docstring.

    Args:
        cls: The searcher.
        base: The class that defines and documents them.
    """
    own = cls.__dict__.get("__init__")
    if own is not None:
        own.__signature__ = _completed_signature(own, base)
    if "__doc__" in cls.__dict__ and cls.__doc__:
        _, *parameters = inspect.signature(cls.__init__).parameters  # type: ignore[misc]
        cls.__doc__ = _with_arguments(cls.__doc__, parameters, _texts(cls))


def _completed_signature(init: Any, base: type) -> inspect.Signature:
    """A constructor's signature with the base's keyword arguments in place of `**common`."""
    signature = inspect.signature(init)
    *own, last = signature.parameters.values()
    if last.kind is not inspect.Parameter.VAR_KEYWORD:
        return signature
    names = {parameter.name for parameter in own}
    shared = [
        parameter
        for parameter in inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in names
    ]
    return signature.replace(parameters=[*own, *shared])


def _texts(cls: type) -> dict[str, list[str]]:
    """Argument name to the lines of its text, from the nearest class that has one."""
    found: dict[str, list[str]] = {}
    for ancestor in reversed(cls.__mro__):
        _, section, _ = _split(ancestor.__doc__ or "")
        name = ""
        for line in section:
            match = _ARGUMENT.match(line)
            if match:
                name = match.group(1)
                found[name] = []
            if name:
                found[name].append(line)
    return found


def _with_arguments(doc: str, order: Sequence[str], texts: Mapping[str, list[str]]) -> str:
    """A docstring whose `Args:` list the arguments in order; before `Raises:` and `Example:`."""
    before, _, after = _split(doc)
    section = [line for name in order for line in texts.get(name, [f"{_INDENT}{name}:"])]
    return "\n".join([*before, _HEADER, *section, "", *after]).rstrip() + "\n"


def _split(doc: str) -> tuple[list[str], list[str], list[str]]:
    """The lines of a docstring before, in and after its `Args:`."""
    lines = inspect.cleandoc(doc).splitlines()
    headers = [number for number, line in enumerate(lines) if re.fullmatch(r"[A-Z]\w+:", line)]
    if _HEADER not in lines:
        start = min(headers, default=len(lines))
        before = lines[:start] if headers else [*lines, ""]
        return before, [], lines[start:]
    start = lines.index(_HEADER)
    end = min((number for number in headers if number > start), default=len(lines))
    section = [line for line in lines[start + 1 : end] if line.strip()]
    return lines[:start], section, lines[end:]
