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
    points_to_evaluate: Sequence[Mapping[str, Any]] | None
    seed: int | None
    repeats: bool


_SECTION: Final = re.compile(r"^(\s*)Args:\n((?:\1\s+.*\n|\s*\n)*)", re.MULTILINE)
_ARGUMENT: Final = re.compile(r"^(\w+): ")


def complete(cls: type, base: type) -> None:
    """Puts the shared arguments into a searcher's signature and docstring.

    Args:
        cls: The searcher.
        base: The class that defines and documents them.
    """
    own = cls.__dict__.get("__init__")
    if own is None:
        return
    shared = [
        parameter
        for parameter in inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    signature = inspect.signature(own)
    parameters = list(signature.parameters.values())
    if not parameters or parameters[-1].kind is not inspect.Parameter.VAR_KEYWORD:
        return
    names = {parameter.name for parameter in parameters}
    parameters[-1:] = [parameter for parameter in shared if parameter.name not in names]
    own.__signature__ = signature.replace(parameters=parameters)
    if cls.__doc__ is not None:
        order = [parameter.name for parameter in parameters[1:]]
        cls.__doc__ = _with_arguments(cls.__doc__, order, _texts(cls))


def _texts(cls: type) -> dict[str, list[str]]:
    """Argument name to the lines of its text, from the nearest class that has one."""
    found: dict[str, list[str]] = {}
    for ancestor in reversed(cls.__mro__):
        found |= _arguments(ancestor.__doc__ or "")
    return found


def _arguments(doc: str) -> dict[str, list[str]]:
    """The `Args:` of a docstring: name to lines, without indentation."""
    section = _SECTION.search(inspect.cleandoc(doc) + "\n")
    found: dict[str, list[str]] = {}
    lines = inspect.cleandoc(section.group(2)).splitlines() if section else []
    name = ""
    for line in lines:
        match = _ARGUMENT.match(line)
        if match:
            name = match.group(1)
            found[name] = []
        if name and line.strip():
            found[name].append(line.strip())
    return found


def _with_arguments(doc: str, order: Sequence[str], texts: Mapping[str, list[str]]) -> str:
    """A docstring whose `Args:` list the arguments in order."""
    clean = inspect.cleandoc(doc) + "\n"
    lines = ["Args:"]
    for name in order:
        first, *rest = texts.get(name, [f"{name}:"])
        lines += [f"    {first}", *(f"        {line}" for line in rest)]
    block = "\n".join(lines) + "\n\n"
    section = _SECTION.search(clean)
    if section:
        return (clean[: section.start()] + block + clean[section.end() :]).strip() + "\n"
    return clean + "\n" + block.strip() + "\n"
