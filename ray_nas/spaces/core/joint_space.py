"""`JointSpace`: an architecture space together with the rest of Tune's `param_space`."""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from ConfigSpace import ConfigurationSpace
from ray.tune.search.sample import Domain
from torch import nn

from ray_nas.spaces.core.search_space import SearchSpace
from ray_nas.spaces.core.tune_domains import TuneParameter, from_domain, holds_domain
from ray_nas.spaces.core.unresolved import check_resolved
from ray_nas.spaces.core.validity import Config, Part, Validity

Path = tuple[str, ...]
"""The keys that lead to an entry of a nested `param_space`."""


class JointSpace(SearchSpace):
    """All that a searcher decides: its own space, and spaces and Tune domains in `param_space`.

    The parameters of a space under a key have the key's path and a dot before their names
    (`arch.edge_0_1`); those of the searcher's own space keep their names. `to_tune` makes the
    nested dict that the trainable receives.

    Args:
        own: The searcher's space, whose parameters are at the top of the trial's config; or None.
        param_space: Tune's `param_space`. Constants are left to Tune.

    Raises:
        ValueError: A name occurs in both; a `tune.grid_search`; a domain that cannot be searched
            (including those inside lists); or there is no parameter at all.

    Example:
        >>> from ray import tune
        >>> from ray_nas.spaces import MLPSpace
        >>> space = JointSpace(None, {"arch": MLPSpace(4, 3), "lr": tune.loguniform(1e-4, 1e-1)})
        >>> trial_config = space.to_tune(space.sample(random_state=0))
        >>> sorted(trial_config)
        ['arch', 'lr']
        >>> "activation" in trial_config["arch"]
        True
    """

    def __init__(self, own: SearchSpace | None, param_space: Mapping[str, Any]) -> None:
        self._spaces: dict[Path, SearchSpace] = {} if own is None else {(): own}
        self._domains: dict[Path, TuneParameter] = {}
        merged = ConfigurationSpace()
        if own is not None:
            clash = sorted(set(own.config_space) & set(param_space))
            if clash:
                raise ValueError(
                    f"param_space must not hold {clash}: the searcher's space has parameters of "
                    "that name; rename one of them"
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
                "no space to search: give the searcher a space, or put one (or Tune domains) into "
                "param_space"
            )
        super().__init__(merged)
        self._parts = {path: _part(path, space) for path, space in self._spaces.items()}
        self._validity = Validity(self._config_space, parts=list(self._parts.values()))

    def to_tune(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The nested dict of values for the trial's config."""
        result: dict[str, Any] = {}
        for path in self._spaces:
            _put(result, path, self._parts[path].config(config))
        for path, parameter in self._domains.items():
            _put(result, path, parameter.to_tune(config[_name(path)]))
        return result

    def from_tune(self, trial_config: Mapping[str, Any]) -> Config:
        """The flat config of a trial's config or of an entry of `points_to_evaluate`.

        Entries that are not searched are left out.
        """
        config: Config = {}
        for path, space in self._spaces.items():
            part = _get(trial_config, path)
            if isinstance(part, Mapping):
                own = space.own_parameters(part)
                config.update({_name((*path, name)): value for name, value in own.items()})
        for path, parameter in self._domains.items():
            parent = _get(trial_config, path[:-1])
            if isinstance(parent, Mapping) and path[-1] in parent:
                config[_name(path)] = parameter.from_tune(parent[path[-1]])
        return config

    @property
    def baseline(self) -> Config | None:
        """The baselines of the spaces in it, with defaults for Tune's own domains.

        None if one of the spaces has no baseline.
        """
        values: Config = {}
        for path, space in self._spaces.items():
            part = space.baseline
            if part is None:
                return None
            values.update({_name((*path, name)): value for name, value in part.items()})
        config = self.complete(values)
        return config if self._spaces and self.is_valid(config) else None

    def canonical(self, config: Mapping[str, Any]) -> str:
        """The keys of the spaces in it, and the values of Tune's own domains."""
        keys = {
            _name(path): space.canonical(self._parts[path].config(config))
            for path, space in self._spaces.items()
        }
        return json.dumps(
            [keys, {_name(path): config[_name(path)] for path in self._domains}], sort_keys=True
        )

    def encode(self, config: Mapping[str, Any]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The codes of the spaces in it, then those of Tune's own domains."""
        codes = [
            space.encode(self._parts[path].config(config)) for path, space in self._spaces.items()
        ]
        codes += [np.array(self._code(_name(path), config)) for path in self._domains]
        return np.concatenate(codes)

    def features(self, config: Mapping[str, Any]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The features of the spaces in it, then the codes of Tune's own domains."""
        codes = [
            space.features(self._parts[path].config(config)) for path, space in self._spaces.items()
        ]
        codes += [np.array(self._code(_name(path), config)) for path in self._domains]
        return np.concatenate(codes)

    def build(self, config: Mapping[str, Any]) -> nn.Module:
        """The network of the space in it, if there is exactly one."""
        check_resolved(config)
        if len(self._spaces) != 1:
            raise NotImplementedError(
                f"JointSpace.build: it joins {len(self._spaces)} spaces; "
                "call the build of the one you mean"
            )
        path, space = next(iter(self._spaces.items()))
        return space.build(self._parts[path].config(config))

    def parameter_count(self, config: Mapping[str, Any]) -> int | None:
        """The sum over the spaces in it; None if none of them describes networks."""
        counts = [
            space.parameter_count(self._parts[path].config(config))
            for path, space in self._spaces.items()
        ]
        known = [count for count in counts if count is not None]
        return sum(known) if known else None


def joint_space(own: SearchSpace | None, param_space: Mapping[str, Any]) -> SearchSpace:
    """The searcher's own space if `param_space` adds nothing to search, else a `JointSpace`."""
    adds_nothing = next(_leaves(param_space, ()), None) is None
    if own is not None and adds_nothing and not set(own.config_space) & set(param_space):
        return own
    return JointSpace(own, param_space)


def constants_of(param_space: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a `param_space` that are the same in every trial, nested ones included.

    Example:
        >>> from ray import tune
        >>> constants_of({"lr": tune.uniform(0, 1), "epochs": 9, "data": {"size": 3}})
        {'epochs': 9, 'data': {'size': 3}}
    """
    kept = {}
    for name, value in param_space.items():
        if isinstance(value, Mapping):
            value = constants_of(value)
            if not value:
                continue
        if not isinstance(value, Domain):
            kept[name] = value
    return kept


def _leaves(value: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Domain]]:
    """The spaces and Tune domains in a nested param_space, with their paths."""
    if "grid_search" in value and len(value) == 1:
        raise ValueError(
            f"param_space[{_name(path)!r}] is a tune.grid_search, which Tune leaves to its own "
            "variant generator; with a searcher use tune.choice (and GridSearch to try every "
            "combination)"
        )
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _leaves(item, (*path, str(key)))
        elif isinstance(item, Domain):
            yield (*path, str(key)), item
        elif isinstance(item, list | tuple) and holds_domain(item):
            kind = type(item).__name__
            raise ValueError(
                f"param_space[{_name((*path, str(key)))!r}]: domains inside of a {kind} are not "
                f"searched; put each under a key of its own, or choose among whole {kind}s with "
                "tune.choice"
            )


def _name(path: Path) -> str:
    return ".".join(path)


def _part(path: Path, space: SearchSpace) -> Part:
    names = {_name((*path, name)): name for name in space.config_space}
    return Part(names, space._validity)


def _merge(merged: ConfigurationSpace, path: Path, space: SearchSpace) -> None:
    """Adds the parameters, conditions and forbidden clauses of a space."""
    # Adding renames the hyperparameters inside of shared conditions in place
    part = copy.deepcopy(space.config_space)
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
