"""Which layers of a network correspond to which layers of a deeper or wider one.

Parts with names are matched by name. The parts of a numbered sequence are matched by place: runs of
equal parts, such as the cells of a stage, are aligned with the runs of the other network. A longer
run begins with the shorter one's parts; each further part corresponds to its last. A part of the
user's or of ray_nas that finds no such run corresponds to what the part before it does, if both
have one type: a cell that follows another kind of cell.
"""

from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import groupby
from typing import TypeAlias

from torch import nn

Pair: TypeAlias = tuple[str, str]
"""The path of a layer in the old network, and that of its counterpart in the new one."""


def align_layers(old: nn.Module, new: nn.Module) -> list[Pair]:
    """The layers that correspond to each other, the networks themselves first.

    Example:
        >>> old = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1), nn.Tanh())
        >>> new = nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))
        >>> align_layers(old, new)
        [('', ''), ('0', '0'), ('0', '1'), ('1', '2'), ('2', '3')]
    """
    return list(_align(old, new, "", ""))


def _align(old: nn.Module, new: nn.Module, old_path: str, new_path: str) -> Iterator[Pair]:
    yield old_path, new_path
    for old_name, new_name in _children(old, new):
        before, after = old.get_submodule(old_name), new.get_submodule(new_name)
        if type(before) is type(after):
            yield from _align(before, after, _join(old_path, old_name), _join(new_path, new_name))


def _children(old: nn.Module, new: nn.Module) -> Iterator[Pair]:
    old_names, new_names = (
        [name for name, child in one._modules.items() if child is not None] for one in (old, new)
    )
    numbered = all(name.isdigit() for name in [*old_names, *new_names])
    old_runs, new_runs = _runs(old, old_names), _runs(new, new_names)
    if numbered and old_runs != new_runs:
        found = dict(_aligned_runs(old_runs, new_runs))
        yield from _completed(found, new, new_names)
    else:
        yield from ((name, name) for name in new_names if name in old_names)


Run: TypeAlias = tuple[object, list[str]]
"""What its parts have in common, and their names."""


def _runs(sequence: nn.Module, names: list[str]) -> list[Run]:
    """Equal parts that follow each other."""
    grouped = groupby(names, key=lambda name: _structure(sequence.get_submodule(name)))
    return [(structure, list(run)) for structure, run in grouped]


def _structure(module: nn.Module) -> tuple[tuple[str, type[nn.Module]], ...]:
    """The names and types of a module's parts, without their sizes."""
    return tuple((name, type(part)) for name, part in module.named_modules())


def _completed(found: dict[str, str], new: nn.Module, names: list[str]) -> Iterator[Pair]:
    """The pairs, and those of parts that correspond to what the part before them does.

    Args:
        found: The name of a new part to that of the old one.
        new: The new sequence.
        names: The names of its parts.
    """
    before = ""
    for name in names:
        kinds = {type(new.get_submodule(one)) for one in (name, before or name)}
        is_torch = next(iter(kinds)).__module__.startswith("torch.")
        if name not in found and before in found and len(kinds) == 1 and not is_torch:
            found[name] = found[before]
        if name in found:
            yield found[name], name
        before = name


def _aligned_runs(old: list[Run], new: list[Run]) -> Iterator[Pair]:
    """Pairs of a new part and its old counterpart."""
    matcher = SequenceMatcher(None, [one for one, _ in old], [one for one, _ in new], False)
    for block in matcher.get_matching_blocks():
        for offset in range(block.size):
            before, after = old[block.a + offset][1], new[block.b + offset][1]
            for place, name in enumerate(after):
                yield name, before[min(place, len(before) - 1)]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
