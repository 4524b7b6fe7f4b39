"""`SearchSpace`: a set of architectures on a ConfigSpace, with the moves that searchers make in
it.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from ConfigSpace import ConfigurationSpace
from ConfigSpace.types import NotSet
from ray.tune.search.sample import Domain, Sampler
from torch import nn

from ray_nas.spaces.core import counting, parameters
from ray_nas.spaces.core.parameters import Value

Config = dict[str, Any]
"""A flat dict of plain Python values: the active parameters of one architecture, in no
particular order.
"""
Rule = Callable[[Config], bool]
"""A validity rule beyond forbidden clauses: True where the config may be used."""

_TRIES: Final = 1_000
_EXACT_COUNT_LIMIT: Final = 20_000


class SearchSpace(Domain):
    """A search space over a `ConfigurationSpace`, conditions and forbidden clauses included.

    It is itself a Tune domain: `param_space={"arch": space, "lr": tune.loguniform(1e-4, 1e-1)}`
        works with every Tune
    searcher. It is immutable, and a copy of it is the object itself, since Tune copies its spec for
    each trial.

    Args:
        config_space: The parameters. Copied, so that a later change of the original changes nothing
            here.
        rules: Validity rules that a forbidden clause cannot say; each takes a config and returns
            whether it may be used.

    Raises:
        ValueError: A parameter has no name that Tune can carry (it flattens results on `/`).
    """

    def __init__(self, config_space: ConfigurationSpace, rules: Sequence[Rule] = ()) -> None:
        if not isinstance(config_space, ConfigurationSpace):
            raise TypeError(
                f"config_space must be a ConfigSpace.ConfigurationSpace, got {type(config_space).__name__}"
            )
        for name in config_space:
            if "/" in name:
                raise ValueError(
                    f"config_space: parameter names must not contain '/' (Tune flattens on it), got {name!r}"
                )
        self._config_space = ConfigurationSpace.from_serialized_dict(
            config_space.to_serialized_dict()
        )
        self._rules = tuple(rules)
        self._size: int | float | None = None
        self._parameters = dict(self._config_space)
        self._conditions = {
            name: tuple(self._config_space.parent_conditions_of[name]) for name in self._parameters
        }
        self._forbidden = tuple(self._config_space.forbidden_clauses)
        self._free = frozenset(
            name for name, parameter in self._parameters.items() if parameters.is_free(parameter)
        )

    # Tune's side: a Domain that can be sampled, copied for free and printed.

    def __deepcopy__(self, memo: dict[int, Any]) -> "SearchSpace":
        """The space itself: it never changes."""
        return self

    def get_sampler(self) -> Sampler:
        """What Tune's own random search draws from the space with."""
        return _SpaceSampler()

    def sample(self, config: Any = None, size: int = 1, random_state: Any = None) -> Any:
        """One random config, or a list of `size` of them (`Domain.sample`'s signature).

        Args:
            config: Ignored; Tune passes the configuration drawn so far.
            size: How many configs.
            random_state: A numpy `Generator` (drawn from in place), `RandomState`, seed or None.

        Raises:
            ValueError: The forbidden clauses and rules leave too little to be found by drawing.
        """
        rng = _generator(random_state)
        configs = [self._sample(rng) for _ in range(size)]
        return configs if size > 1 else configs[0]

    def is_valid(self, value: Any) -> bool:
        """Whether `value` is a config of this space (Tune's `Domain` asks)."""
        try:
            self.validate(value)
        except (TypeError, ValueError):
            return False
        return True

    @property
    def domain_str(self) -> str:
        """The short form that Tune prints."""
        return f"{type(self).__name__}({len(self._parameters)} parameters)"

    def __repr__(self) -> str:
        return self.domain_str

    # The space itself.

    @property
    def config_space(self) -> ConfigurationSpace:
        """The ConfigSpace behind it. Not to be changed."""
        return self._config_space

    @property
    def fingerprint(self) -> str:
        """A hash of the parameters, conditions and forbidden clauses: equal for spaces whose
        configs mean the same.
        """
        text = json.dumps(self._config_space.to_serialized_dict(), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def size(self) -> int | float:
        """The number of configs, infinite with a float.

        Conditions are counted exactly; forbidden clauses and rules too up to 20,000 configs, beyond
        that they are left out and the number is an upper bound.
        """
        if self._size is None:
            self._size = self._counted()
        return self._size

    def _counted(self) -> int | float:
        count = counting.count(self._config_space, self._is_active)
        if self._is_limited() and count <= _EXACT_COUNT_LIMIT:
            return sum(1 for _ in self._combinations(parameters.all_values))
        return count

    def active(self, config: Mapping[str, Any]) -> list[str]:
        """The names of the parameters that are active given the values in `config`, parents
        first.
        """
        return list(
            self._complete(
                config, lambda name: parameters.plain(self._parameters[name].default_value)
            )
        )

    def validate(self, config: Mapping[str, Any]) -> None:
        """Raises a ValueError that names the parameter, the rule and the value if `config` is
        none of this space.
        """
        if not isinstance(config, Mapping):
            raise TypeError(
                f"config must be a dict of parameter values, got {type(config).__name__}"
            )
        for name, value in config.items():
            if name not in self._parameters:
                raise ValueError(
                    f"config has an unknown parameter {name!r}; known are {', '.join(self._parameters)}"
                )
            if not self._is_legal(name, value):
                raise ValueError(
                    f"config[{name!r}] must be {describe(self._parameters[name])}, got {value!r}"
                )
        active = self._complete(config, self._missing)
        for name in config:
            if name not in active:
                conditions = " and ".join(str(condition) for condition in self._conditions[name])
                raise ValueError(
                    f"config[{name!r}] is inactive here and must be left out: {conditions}"
                )
        broken = self._broken(active)
        if broken is not None:
            raise ValueError(f"config {broken}: {dict(config)}")

    def complete(self, values: Mapping[str, Any]) -> Config:
        """The config that has these values and, for all else that is active, the defaults (the
        first or smallest values).
        """
        return self._complete(values, self._default)

    def translate(self, config: Mapping[str, Any]) -> Config | None:
        """A config of an earlier version of this space as a config of this one, None where it has
        no counterpart.

        Labels keep their meaning across versions. A choice that the config does not know yet takes
        its default, so a new choice whose first value is what the network did before leaves old
        results valid: `[space.translate(c) for c in old]` are `points_to_evaluate` (or known
        results) of the edited space.
        """
        if any(
            name not in self._parameters or not self._is_legal(name, value)
            for name, value in config.items()
        ):
            return None
        completed = self.complete(config)
        return (
            completed if config.keys() <= completed.keys() and self._is_allowed(completed) else None
        )

    # Moves.

    def mutate(self, config: Mapping[str, Any], rng: np.random.Generator) -> Config:
        """A valid config that differs from `config` in one parameter (and in what that switches on
        or off).

        Where forbidden clauses and rules leave no such config, one that differs in two, or as few
        more as are found.

        Raises:
            ValueError: No other config was found.
        """
        names = [name for name in config if name in self._free]
        for _ in range(_TRIES if names else 0):
            child = self._redrawn(config, [names[int(rng.integers(len(names)))]], rng)
            if self._is_allowed(child):
                return child
        if neighbors := self.neighbors(config):
            return neighbors[int(rng.integers(len(neighbors)))]
        for size in range(2, len(names) + 1):
            for _ in range(_TRIES):
                child = self._redrawn(
                    config,
                    [names[int(index)] for index in rng.choice(len(names), size, replace=False)],
                    rng,
                )
                if self._is_allowed(child):
                    return child
        raise ValueError(
            f"config has no valid mutation: nothing else is allowed around {dict(config)}"
        )

    def _redrawn(
        self, config: Mapping[str, Any], names: Sequence[str], rng: np.random.Generator
    ) -> Config:
        """Other values for these parameters, and random ones for what they switch on."""
        values = {
            name: parameters.redraw(self._parameters[name], config[name], rng) for name in names
        }
        return self._complete(
            {**config, **values}, lambda other: parameters.draw(self._parameters[other], rng)
        )

    def crossover(
        self, a: Mapping[str, Any], b: Mapping[str, Any], rng: np.random.Generator
    ) -> Config:
        """A valid config whose parameters come from `a` or `b` at even odds (uniform crossover).

        A parameter that only one parent has is taken from that one, and one that neither has is
        drawn. Where forbidden clauses and rules admit no mixture, a copy of `a`.
        """

        def inherit(name: str) -> Value:
            donors = [parent for parent in (a, b) if name in parent]
            if not donors:
                return parameters.draw(self._parameters[name], rng)
            value: Value = donors[int(rng.integers(len(donors)))][name]
            return value

        for _ in range(_TRIES):
            child = self._complete({}, inherit)
            if self._is_allowed(child):
                return child
        return dict(a)

    def neighbors(self, config: Mapping[str, Any]) -> list[Config]:
        """Every valid config one move away: one parameter takes another of its values.

        Floats and long integer ranges move by fixed quantile steps. Parameters that a move switches
        on take their default values.
        """
        result = []
        for name in self._parameters:
            if name in self._free and name in config:
                for value in parameters.neighbor_values(self._parameters[name], config[name]):
                    child = self.complete({**config, name: value})
                    if self._is_allowed(child):
                        result.append(child)
        return result

    def grid(self, points: int = 5) -> Iterator[Config]:
        """Every valid config in a fixed order; floats and long integer ranges at `points` evenly
        spaced quantiles.
        """
        return self._combinations(lambda parameter: parameters.grid_values(parameter, points))

    def _combinations(self, values_of: Callable[[Any], Sequence[Value]]) -> Iterator[Config]:
        names = list(self._parameters)

        def extend(values: dict[str, Any], index: int) -> Iterator[Config]:
            if index == len(names):
                config = {name: value for name, value in values.items() if value is not NotSet}
                if self._is_allowed(config):
                    yield config
                return
            name = names[index]
            options: Sequence[Any] = [NotSet]
            if self._is_active(name, values):
                options = values_of(self._parameters[name])
            for value in options:
                yield from extend({**values, name: value}, index + 1)

        return extend({}, 0)

    # Identity and features.

    def canonical(self, config: Mapping[str, Any]) -> str:
        """A key that is equal for configs that compute the same function; here for equal
        configs.
        """
        return json.dumps(config, sort_keys=True)

    def encode(self, config: Mapping[str, Any]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """A float vector of fixed length: one-hot categories, places in [0, 1] for ordered
        values, zeros if inactive.
        """
        entries: list[float] = []
        for name in self._parameters:
            entries += self._code(name, config)
        return np.array(entries, dtype=np.float64)

    def features(self, config: Mapping[str, Any]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """What a performance predictor sees of a config: a float vector of fixed length,
        `encode` where a space knows no better.
        """
        return self.encode(config)

    # Networks: spaces that describe one override these.

    def build(self, config: Mapping[str, Any]) -> nn.Module:
        """The network of `config`, with only the chosen layers in it. Keys that are not the
        space's own are ignored.
        """
        raise NotImplementedError(
            f"{type(self).__name__}.build: a raw ConfigurationSpace does not say how its configs become networks; "
            "build the network in your trainable, or describe it as a ModelSpace"
        )

    def parameter_count(self, config: Mapping[str, Any]) -> int | None:
        """How many trainable parameters the network of `config` has; None where the space does
        not say how networks are built.
        """
        return None

    # A trial's config may nest (`JointSpace`); here it is the config itself.

    def to_tune(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """What a trial's config holds for `config`."""
        return dict(config)

    def from_tune(self, trial_config: Mapping[str, Any]) -> Config:
        """The config inside of a trial's config; entries that are not the space's own are left
        out.
        """
        return self.own_parameters(trial_config)

    def own_parameters(self, config: Mapping[str, Any]) -> Config:
        """The entries of `config` that are this space's, e.g. without the learning rate that
        Tune searches beside it.
        """
        return {name: value for name, value in config.items() if name in self._parameters}

    # Helpers.

    def _missing(self, name: str) -> Value:
        raise ValueError(f"config lacks {name!r}, which must be {describe(self._parameters[name])}")

    def _code(self, name: str, config: Mapping[str, Any]) -> list[float]:
        return parameters.code(
            self._parameters[name], config.get(name), bool(self._conditions[name])
        )

    def _sample(self, rng: np.random.Generator) -> Config:
        for _ in range(_TRIES):
            config = self._complete({}, lambda name: parameters.draw(self._parameters[name], rng))
            if self._is_allowed(config):
                return config
        raise ValueError(
            f"{self!r}: {_TRIES} draws gave no config that its forbidden clauses and rules allow"
        )

    def _default(self, name: str) -> Value:
        return parameters.plain(self._parameters[name].default_value)  # type: ignore[no-any-return]

    def _complete(self, wanted: Mapping[str, Any], fill: Callable[[str], Any]) -> Config:
        """The active parameters, parents first: `wanted` where it has a value, else what `fill`
        gives for the name.
        """
        values: dict[str, Any] = {}
        for name in self._parameters:
            if not self._is_active(name, values):
                values[name] = NotSet
            else:
                values[name] = wanted[name] if name in wanted else fill(name)
        return {name: value for name, value in values.items() if value is not NotSet}

    def _is_active(self, name: str, values: dict[str, Any]) -> bool:
        return all(condition.satisfied_by_value(values) for condition in self._conditions[name])

    def _is_legal(self, name: str, value: Any) -> bool:
        if type(value) is bool or isinstance(
            value, str
        ):  # 1 == True, but only one of them can be meant
            listed = parameters.listed_values(self._parameters[name])
            return listed is not None and any(
                type(known) is type(value) and known == value for known in listed
            )
        try:
            return bool(self._parameters[name].legal_value(value))
        except (TypeError, ValueError):
            return False

    def _is_allowed(self, config: Config) -> bool:
        return self._broken(config) is None

    def _is_limited(self) -> bool:
        """Whether forbidden clauses or rules may refuse a config whose values are all legal."""
        return bool(self._forbidden or self._rules)

    def _broken(self, config: Config) -> str | None:
        """What the config breaks, for "config ..." in an error message; None if nothing."""
        for clause in self._forbidden:
            if clause.is_forbidden_value(config):
                return f"is forbidden by {clause}"
        for rule in self._rules:
            if not rule(config):
                return f"breaks the rule {getattr(rule, '__name__', rule)!s}"
        return None


def describe(parameter: Any) -> str:
    """What a parameter allows, for error messages."""
    listed = parameters.listed_values(parameter)
    if listed is not None:
        return f"one of {listed}"
    return f"in [{parameter.lower}, {parameter.upper}]"


class _SpaceSampler(Sampler):
    def sample(
        self, domain: Domain, config: Any = None, size: int = 1, random_state: Any = None
    ) -> Any:
        return domain.sample(config, size, random_state)


def _generator(random_state: Any) -> np.random.Generator:
    """A Generator for whatever Tune passes; its wrapper of old and new numpy generators has
    `integers` for both.
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31))
    if random_state is None or isinstance(random_state, int):
        return np.random.default_rng(random_state)
    return np.random.default_rng(int(random_state.integers(2**31)))
