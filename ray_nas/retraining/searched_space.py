"""Checks that a space is the one that an experiment searched, and finds its part of a config."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ray_nas.record.experiment import ExperimentRecord
from ray_nas.spaces.core.search_space import Config, SearchSpace


def check_space(record: ExperimentRecord, space: SearchSpace, place: str | Path) -> None:
    """Raises unless the experiment searched this space, alone or with other parameters.

    Args:
        record: The experiment's record.
        space: The space.
        place: The experiment's folder, for the message.

    Raises:
        ValueError: It is another space; the message names a parameter that differs.

    Example:
        >>> from ray_nas.record.events import ExperimentStarted
        >>> from ray_nas.spaces import NASBench201
        >>> record, space = ExperimentRecord(), NASBench201()
        >>> record.apply(ExperimentStarted("RandomSearch", space.fingerprint, {"loss": "min"}, 0))
        >>> check_space(record, space, "results/search")
    """
    started = record.started
    assert started is not None, "load() refuses a record without it"
    if started.space == space.fingerprint:
        return
    searched = started.domains or {}
    prefixes = [""] + [name[: index + 1] for name in searched for index in _dots(name)]
    own = space.domains
    if any(own.items() <= _below(prefix, searched).items() for prefix in prefixes):
        return
    raise ValueError(
        f"{place} did not search this space (hash {started.space} there, {space.fingerprint} "
        f"here{_difference(own, searched)}): pass the space that its searcher had"
    )


def own_config(space: SearchSpace, config: Mapping[str, Any]) -> Config:
    """The parameters of a space in a recorded config, whose names may begin with Tune's key.

    Raises:
        ValueError: The config is not in the space.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> space = NASBench201()
        >>> config = space.sample(random_state=0)
        >>> recorded = {f"arch.{name}": value for name, value in config.items()}
        >>> own_config(space, {**recorded, "lr": 0.1}) == config
        True
    """
    own = space.own_parameters(config)
    prefixes = {name[: index + 1] for name in config for index in _dots(name)}
    for prefix in sorted(prefixes) if not space.is_valid(own) else ():
        found = space.own_parameters(_below(prefix, config))
        if space.is_valid(found):
            return found
    space.validate(own)
    return own


def _dots(name: str) -> Iterator[int]:
    return (index for index, char in enumerate(name) if char == ".")


def _below(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if name.startswith(prefix)
    }


def _difference(own: Mapping[str, Any], searched: Mapping[str, Any]) -> str:
    """The first parameter that differs, in words; empty if the record does not say."""
    if not searched:
        return ""
    for name in [*own, *searched]:
        if own.get(name) != searched.get(name):
            return f"; {name!r} is {searched.get(name, 'absent')} there, {own.get(name, 'absent')}"
    return ""
