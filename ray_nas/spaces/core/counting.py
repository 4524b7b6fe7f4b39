"""The number of configs of a `ConfigurationSpace` with conditions, without listing them."""

import math
from collections.abc import Callable
from typing import Any, Final

from ConfigSpace import ConfigurationSpace
from ConfigSpace.types import NotSet

from ray_nas.spaces.core import parameters
from ray_nas.spaces.core.validity import Validity

EXACT_LIMIT: Final = 20_000
"""Up to so many configs, those that clauses and rules exclude are counted one by one."""


def size(config_space: ConfigurationSpace, validity: Validity) -> int | float:
    """The number of configs; an upper bound if clauses or rules exclude some of very many."""
    found = count(config_space, validity.is_active)
    if validity.excludes_configs and found <= EXACT_LIMIT:
        return sum(1 for _ in validity.combinations(parameters.all_values))
    return found


def count(
    config_space: ConfigurationSpace, is_active: Callable[[str, dict[str, Any]], bool]
) -> int | float:
    """The number of configs, infinite with a float; forbidden clauses are ignored.

    Dynamic programming over the parameters: a state holds only those values of the parameters so
    far that a later condition depends on, and the number of ways to get there.

    Args:
        config_space: The parameters and conditions.
        is_active: Whether a parameter is active, given the values of those before it (`NotSet` for
            inactive ones).
    """
    if any(math.isinf(parameter.size) for parameter in config_space.values()):
        return math.inf
    names = _ordered(config_space)
    last_use = _last_uses(config_space, names)
    states: dict[tuple[tuple[str, Any], ...], int | float] = {(): 1}
    for index, name in enumerate(names):
        parameter = config_space[name]
        outcomes: list[tuple[Any, int]] = [(None, int(parameter.size))]
        if last_use[name] > index:
            outcomes = [(value, 1) for value in parameters.all_values(parameter)]
        following: dict[tuple[tuple[str, Any], ...], int | float] = {}
        for state, ways in states.items():
            values = dict(state)
            for value, times in outcomes if is_active(name, values) else [(NotSet, 1)]:
                kept = {**values, name: value}
                key = tuple((other, kept[other]) for other in kept if last_use[other] > index)
                following[key] = following.get(key, 0) + ways * times
        states = following
    return sum(states.values())


def _ordered(config_space: ConfigurationSpace) -> list[str]:
    """Parents first, children as early as possible, so that states hold few values."""
    names: list[str] = []

    def place(name: str) -> None:
        if name not in names and all(
            parent.name in names for parent in config_space.parents_of[name]
        ):
            names.append(name)
            for child in config_space.children_of[name]:
                place(child.name)

    for name in config_space:
        place(name)
    return names


def _last_uses(config_space: ConfigurationSpace, names: list[str]) -> dict[str, int]:
    """The index of each parameter's last child, or its own without children."""
    last_use = {name: index for index, name in enumerate(names)}
    for index, name in enumerate(names):
        for parent in config_space.parents_of[name]:
            last_use[parent.name] = max(last_use[parent.name], index)
    return last_use
