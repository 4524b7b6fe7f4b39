"""`JointSpace`: an architecture space together with the rest of Tune's `param_space`, as one
search space.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from ConfigSpace import ConfigurationSpace
from ray.tune.search.sample import Domain
from torch import nn

from ray_nas.spaces.core.search_space import Config, SearchSpace
from ray_nas.spaces.core.tune_domains import TuneParameter, from_domain, holds_domain

Path = tuple[str, ...]


class JointSpace(SearchSpace):
    """Everything that a searcher decides: its own space, the spaces inside `param_space`, and
    Tune's domains there.

    Parameters of a space that stands under a key carry the key's path and a dot before their name
    (`arch.edge_0_1`); those of the searcher's own space keep theirs. `to_tune` gives the nested
    dict that the trainable receives.

    Args:
        own: The searcher's space, whose parameters stand at the top of the trial's config; or None.
        param_space: Tune's `param_space`. Constants are left to Tune.

    Raises:
        ValueError: A name that stands in both, a `tune.grid_search`, a domain that cannot be
            searched (those inside of lists included), or no parameter.
    """

    def __init__(self, own: SearchSpace | None, param_space: Mapping[str, Any]) -> None:
        self._spaces: dict[Path, SearchSpace] = {} if own is None else {(): own}
        self._domains: dict[Path, TuneParameter] = {}
        merged = ConfigurationSpace()
        if own is not None:
            clash = sorted(set(own.config_space) & set(param_space))
            if clash:
                raise ValueError(
                    f"param_space must not hold {clash}: the searcher's space has parameters of that name; rename one of them"
                )
            _merge(merged, (), own)
        for path, value in _leaves(param_space, ()):
            if isinstance(value, SearchSpace):
                self._spaces[path] = value
                _merge(merged, path, value)
            else:
                self._domains[path] = from_domain(_name(path), value)
                merged.add(self._domains[path].hyperparameter)
        if not len(merged):
            raise ValueError(
                "no space to search: give the searcher a space, or put one (or Tune domains) into param_space"
            )
        super().__init__(merged)
        self._members = {path: self._names(path, space) for path, space in self._spaces.items()}

    def to_tune(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The nested dict of values for the trial's config."""
        result: dict[str, Any] = {}
        for path in self._spaces:
            _put(result, path, self._part(path, config))
        for path, parameter in self._domains.items():
            _put(result, path, parameter.to_tune(config[_name(path)]))
        return result

    def from_tune(self, trial_config: Mapping[str, Any]) -> Config:
        """The flat config of a trial's config (or a `points_to_evaluate` entry); what is not
        searched is left out.
        """
        config: Config = {}
        for path, space in self._spaces.items():
            part = _get(trial_config, path)
            if isinstance(part, Mapping):
                config.update(
                    {
                        _name((*path, name)): value
                        for name, value in space.own_parameters(part).items()
                    }
                )
        for path, parameter in self._domains.items():
            parent = _get(trial_config, path[:-1])
            if isinstance(parent, Mapping) and path[-1] in parent:
                config[_name(path)] = parameter.from_tune(parent[path[-1]])
        return config

    def canonical(self, config: Mapping[str, Any]) -> str:
        """The keys of the spaces in it, and the other values."""
        keys = {
            _name(path): space.canonical(self._part(path, config))
            for path, space in self._spaces.items()
        }
        return json.dumps(
            [keys, {_name(path): config[_name(path)] for path in self._domains}], sort_keys=True
        )

    def encode(self, config: Mapping[str, Any]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The codes of the spaces in it, then those of Tune's own domains."""
        codes = [space.encode(self._part(path, config)) for path, space in self._spaces.items()]
        codes += [np.array(self._code(_name(path), config)) for path in self._domains]
        return np.concatenate(codes)

    def features(self, config: Mapping[str, Any]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The features of the spaces in it, then the codes of Tune's own domains."""
        codes = [space.features(self._part(path, config)) for path, space in self._spaces.items()]
        codes += [np.array(self._code(_name(path), config)) for path in self._domains]
        return np.concatenate(codes)

    def build(self, config: Mapping[str, Any]) -> nn.Module:
        """The network of the only space in it that can build one."""
        if len(self._spaces) != 1:
            raise NotImplementedError(
                f"JointSpace.build: it joins {len(self._spaces)} spaces; call the build of the one you mean"
            )
        path, space = next(iter(self._spaces.items()))
        return space.build(self._part(path, config))

    def parameter_count(self, config: Mapping[str, Any]) -> int | None:
        """Those of the spaces in it together, None if none of them says."""
        counts = [
            space.parameter_count(self._part(path, config)) for path, space in self._spaces.items()
        ]
        known = [count for count in counts if count is not None]
        return sum(known) if known else None

    def _part(self, path: Path, config: Mapping[str, Any]) -> Config:
        return {name: config[full] for full, name in self._members[path].items() if full in config}

    def _names(self, path: Path, space: SearchSpace) -> dict[str, str]:
        return {_name((*path, name)): name for name in space.config_space}

    def _is_limited(self) -> bool:
        return super()._is_limited() or any(space._is_limited() for space in self._spaces.values())

    def _broken(self, config: Config) -> str | None:
        broken = [
            super()._broken(config),
            *(space._broken(self._part(path, config)) for path, space in self._spaces.items()),
        ]
        return next(filter(None, broken), None)


def joint_space(own: SearchSpace | None, param_space: Mapping[str, Any]) -> SearchSpace:
    """The searcher's own space as it is where `param_space` adds nothing to search, else both
    together.
    """
    if (
        own is not None
        and not any(True for _ in _leaves(param_space, ()))
        and not set(own.config_space) & set(param_space)
    ):
        return own
    return JointSpace(own, param_space)


def _leaves(value: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Domain]]:
    """The spaces and Tune domains in a nested param_space, with their paths."""
    if "grid_search" in value and len(value) == 1:
        raise ValueError(
            f"param_space[{_name(path)!r}] is a tune.grid_search, which Tune leaves to its own variant generator; with a "
            "searcher use tune.choice (and GridSearch to try every combination)"
        )
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _leaves(item, (*path, str(key)))
        elif isinstance(item, Domain):
            yield (*path, str(key)), item
        elif isinstance(item, list | tuple) and holds_domain(item):
            raise ValueError(
                f"param_space[{_name((*path, str(key)))!r}]: domains inside of a {type(item).__name__} are not searched; put each "
                f"under a key of its own, or choose among whole {type(item).__name__}s with tune.choice"
            )


def _name(path: Path) -> str:
    return ".".join(path)


def _merge(merged: ConfigurationSpace, path: Path, space: SearchSpace) -> None:
    part = copy.deepcopy(
        space.config_space
    )  # adding renames the hyperparameters inside of shared conditions in place
    if path:
        merged.add_configuration_space(_name(path), part, delimiter=".")
    else:
        merged.add(*part.values(), *part.conditions, *part.forbidden_clauses)


def _get(config: Mapping[str, Any], path: Path) -> Any:
    for key in path:
        config = config.get(key, {}) if isinstance(config, Mapping) else {}
    return config


def _put(config: dict[str, Any], path: Path, value: Any) -> None:
    if not path:
        config.update(value)
        return
    for key in path[:-1]:
        config = config.setdefault(key, {})
    config[path[-1]] = value
