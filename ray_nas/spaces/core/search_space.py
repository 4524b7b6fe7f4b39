"""`SearchSpace`: a set of architectures over a ConfigSpace, with the moves of the searchers."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from ConfigSpace import ConfigurationSpace
from ray.tune.search.sample import Domain, Sampler
from torch import nn

from ray_nas import notebook_html
from ray_nas.spaces.core import counting, parameters
from ray_nas.spaces.core.parameters import Value
from ray_nas.spaces.core.random_state import as_generator
from ray_nas.spaces.core.tune_domains import OwnSampler
from ray_nas.spaces.core.unresolved import check_resolved, refuse_as_mutation
from ray_nas.spaces.core.validity import Config, Rule, Validity

__all__ = ["Config", "Rule", "SearchSpace"]

_TRIES: Final = 1_000


class SearchSpace(Domain):
    """A search space over a `ConfigurationSpace`, with its conditions and forbidden clauses.

    A space is a Tune domain: `param_space={"arch": space, "lr": tune.loguniform(1e-4, 1e-1)}` works
    with every Tune searcher. It is immutable, and its deep copy is the space itself, since Tune
    copies its spec for each trial.

    Args:
        config_space: The parameters. They are copied, so later changes have no effect here.
        rules: Validity rules that no forbidden clause can express; each takes a config and returns
            whether it may be used.

    Raises:
        ValueError: A parameter's name contains "/" (Tune flattens results on it).

    Example:
        >>> from ConfigSpace import ConfigurationSpace
        >>> space = SearchSpace(ConfigurationSpace({"depth": (1, 3), "op": ["conv", "pool"]}))
        >>> space.size
        6
        >>> space.neighbors({"depth": 1, "op": "conv"})[0]
        {'depth': 2, 'op': 'conv'}
        >>> space.is_valid({"depth": 4, "op": "conv"})
        False
    """

    def __init__(self, config_space: ConfigurationSpace, rules: Sequence[Rule] = ()) -> None:
        if not isinstance(config_space, ConfigurationSpace):
            raise TypeError(
                "config_space must be a ConfigSpace.ConfigurationSpace, "
                f"got {type(config_space).__name__}"
            )
        for name in config_space:
            if "/" in name:
                raise ValueError(
                    "config_space: parameter names must not contain '/' (Tune flattens on it), "
                    f"got {name!r}"
                )
        self._config_space = ConfigurationSpace.from_serialized_dict(
            config_space.to_serialized_dict()
        )
        self._parameters = dict(self._config_space)
        self._rules = tuple(rules)
        self._validity = Validity(self._config_space, rules)
        self._size: int | float | None = None
        self._free = frozenset(
            name for name, parameter in self._parameters.items() if parameters.is_free(parameter)
        )

    # Tune's side: a Domain that can be sampled, copied for free and printed.

    def __deepcopy__(self, memo: dict[int, Any]) -> "SearchSpace":
        """The space itself: it never changes."""
        refuse_as_mutation(SearchSpace)
        return self

    def get_sampler(self) -> Sampler:
        """The sampler for Tune's own random search."""
        return OwnSampler()

    def sample(self, config: Any = None, size: int = 1, random_state: Any = None) -> Any:
        """One random config, or a list of `size` configs (`Domain.sample`'s signature).

        Args:
            config: Ignored; Tune passes the values drawn so far.
            size: Number of configs.
            random_state: A numpy `Generator` (drawn from in place), `RandomState`, seed or None.

        Raises:
            ValueError: 1,000 draws gave no config that the forbidden clauses and rules allow, or
                population-based training would mutate the space.
        """
        if random_state is None:
            refuse_as_mutation(SearchSpace)
        rng = as_generator(random_state)
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

    def _repr_html_(self) -> str:
        rows = [(name, parameters.describe(one)) for name, one in self._parameters.items()]
        return notebook_html.table(self.domain_str, ("parameter", "values"), rows)

    # The space itself.

    @property
    def config_space(self) -> ConfigurationSpace:
        """The ConfigSpace behind it; must not be changed."""
        return self._config_space

    @property
    def fingerprint(self) -> str:
        """A hash of the parameters, conditions and forbidden clauses.

        Equal for spaces whose configs mean the same.
        """
        text = json.dumps(self._config_space.to_serialized_dict(), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def domains(self) -> dict[str, dict[str, Any]]:
        """Parameter name to its values as JSON: `values` and `ordered`, or `low`, `high`, `log`.

        Example:
            >>> SearchSpace(ConfigurationSpace({"op": ["conv", "pool"]})).domains
            {'op': {'values': ['conv', 'pool'], 'ordered': False}}
        """
        return {name: parameters.domain(value) for name, value in self._parameters.items()}

    @property
    def baseline(self) -> Config | None:
        """The config of the hand-made network that a search starts from; None if there is none."""
        return None

    @property
    def size(self) -> int | float:
        """The number of configs; infinite if a parameter is a float.

        Conditions are counted exactly. Forbidden clauses and rules are counted up to 20,000
        configs; beyond that they are ignored, and the number is an upper bound.
        """
        if self._size is None:
            self._size = counting.size(self._config_space, self._validity)
        return self._size

    def active(self, config: Mapping[str, Any]) -> list[str]:
        """The names of the active parameters, parents first.

        Args:
            config: Values by name; a parameter that it lacks has its default.
        """
        return list(self.complete(config))

    def validate(self, config: Mapping[str, Any]) -> None:
        """Raises unless `config` is in the space.

        Raises:
            TypeError: `config` is no dict.
            ValueError: A value is unknown, missing or inactive, or a clause or rule forbids the
                config; the message names the parameter, the rule and the value.
        """
        self._validity.check(config)

    def complete(self, values: Mapping[str, Any]) -> Config:
        """The config with these values, and defaults for all other active parameters.

        Defaults are the values written first; a raw `ConfigurationSpace` has its own.
        """
        return self._validity.complete(values, self._default)

    def translate(self, config: Mapping[str, Any]) -> Config | None:
        """A config of an earlier version of this space as one of this version.

        Labels keep their meaning across versions. A choice that is new takes its default, so a new
        choice whose first value is what the network did before leaves old results valid:
        `[space.translate(c) for c in old]` are `points_to_evaluate` of the edited space.

        Returns:
            The config, or None if this space has no counterpart.
        """
        for name, value in config.items():
            if name not in self._parameters or not self._validity.is_legal(name, value):
                return None
        completed = self.complete(config)
        keeps_all = config.keys() <= completed.keys()
        return completed if keeps_all and self._validity.allows(completed) else None

    # Moves.

    def mutate(self, config: Mapping[str, Any], rng: np.random.Generator) -> Config:
        """A valid config that differs in one parameter, and in what that activates or deactivates.

        If forbidden clauses and rules leave no such config, it differs in as few parameters as
        possible.

        Raises:
            ValueError: No other config was found.
        """
        names = [name for name in config if name in self._free]

        # One parameter at random
        for _ in range(_TRIES if names else 0):
            child = self._redraw(config, [names[int(rng.integers(len(names)))]], rng)
            if self._validity.allows(child):
                return child

        # One parameter, all values tried
        if neighbors := self.neighbors(config):
            return neighbors[int(rng.integers(len(neighbors)))]

        # Two parameters, then more
        for size in range(2, len(names) + 1):
            for _ in range(_TRIES):
                drawn = rng.choice(len(names), size, replace=False)
                child = self._redraw(config, [names[int(index)] for index in drawn], rng)
                if self._validity.allows(child):
                    return child
        raise ValueError(
            f"config has no valid mutation: nothing else is allowed around {dict(config)}"
        )

    def _redraw(
        self, config: Mapping[str, Any], names: Sequence[str], rng: np.random.Generator
    ) -> Config:
        """Other values for these parameters, and random ones for those that they activate."""
        values = {
            name: parameters.redraw(self._parameters[name], config[name], rng) for name in names
        }
        return self._validity.complete(
            {**config, **values}, lambda other: parameters.draw(self._parameters[other], rng)
        )

    def crossover(
        self, a: Mapping[str, Any], b: Mapping[str, Any], rng: np.random.Generator
    ) -> Config:
        """A valid config whose parameters come from `a` or `b` at even odds (uniform crossover).

        A parameter that only one parent has comes from that parent; one that neither has is drawn.
        If forbidden clauses and rules allow no mixture, the result is a copy of `a`.
        """

        def inherit(name: str) -> Value:
            donors = [parent for parent in (a, b) if name in parent]
            if not donors:
                return parameters.draw(self._parameters[name], rng)
            value: Value = donors[int(rng.integers(len(donors)))][name]
            return value

        for _ in range(_TRIES):
            child = self._validity.complete({}, inherit)
            if self._validity.allows(child):
                return child
        return dict(a)

    def neighbors(self, config: Mapping[str, Any]) -> list[Config]:
        """All valid configs in which one parameter has another value.

        Floats and long integer ranges move by fixed quantile steps. Parameters that a move
        activates take their defaults.
        """
        result = []
        for name in self._parameters:
            if name in self._free and name in config:
                for value in parameters.neighbor_values(self._parameters[name], config[name]):
                    child = self.complete({**config, name: value})
                    if self._validity.allows(child):
                        result.append(child)
        return result

    def grid(self, points_per_range: int = 5) -> Iterator[Config]:
        """All valid configs in a fixed order.

        Args:
            points_per_range: Values of a float or a long integer range, at evenly spaced quantiles.
        """
        return self._validity.combinations(
            lambda parameter: parameters.grid_values(parameter, points_per_range)
        )

    # Identity and features.

    def canonical(self, config: Mapping[str, Any]) -> str:
        """A key that is equal for configs that compute the same function.

        Here it is equal for equal configs; spaces that know more override it.
        """
        return json.dumps(config, sort_keys=True)

    def encode(self, config: Mapping[str, Any]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """A float vector of fixed length in [0, 1].

        Categories are one-hot, ordered values have their place in [0, 1], inactive parameters are
        zero.
        """
        entries: list[float] = []
        for name in self._parameters:
            entries += self._code(name, config)
        return np.array(entries, dtype=np.float64)

    def features(self, config: Mapping[str, Any]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The input of a performance predictor: a float vector of fixed length.

        Here it is `encode`; spaces with better features override it.
        """
        return self.encode(config)

    # Networks: spaces that describe networks override these.

    def build(self, config: Mapping[str, Any]) -> nn.Module:
        """The network of `config`, with only the chosen layers in it.

        Args:
            config: A config of the space; other keys are ignored.
        """
        raise NotImplementedError(
            f"{type(self).__name__}.build: a raw ConfigurationSpace does not say how its configs "
            "become networks; build the network in your trainable, or describe it as a ModelSpace"
        )

    def parameter_count(self, config: Mapping[str, Any]) -> int | None:
        """The number of trainable parameters; None if the space describes no networks."""
        return None

    # A trial's config may nest (`JointSpace`); here it is the config itself.

    def to_tune(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The entries of a trial's config for `config`."""
        return dict(config)

    def from_tune(self, trial_config: Mapping[str, Any]) -> Config:
        """The config in a trial's config; entries that are not the space's are left out."""
        return self.own_parameters(trial_config)

    def own_parameters(self, config: Mapping[str, Any]) -> Config:
        """The entries of `config` that are parameters of this space.

        This leaves out the learning rate, for example, if Tune searches it beside the space.
        """
        return {name: value for name, value in config.items() if name in self._parameters}

    def _to_build(self, config: Mapping[str, Any]) -> Config:
        """This space's entries of `config`, checked; an error says what was probably meant."""
        check_resolved(config)
        own = self.own_parameters(config)
        try:
            self.validate(own)
        except ValueError as error:
            meant = next(self._configs_inside(config, "config"), None)
            if meant is None:
                raise
            raise ValueError(f"{error}; did you mean {meant}?") from error
        return own

    def _configs_inside(self, config: Mapping[str, Any], name: str) -> Iterator[str]:
        """The places of this space's configs in a nested config."""
        for key, value in config.items():
            if isinstance(value, Mapping):
                if self.is_valid(self.own_parameters(value)):
                    yield f"{name}[{key!r}]"
                yield from self._configs_inside(value, f"{name}[{key!r}]")

    # Helpers.

    def _code(self, name: str, config: Mapping[str, Any]) -> list[float]:
        conditional = self._validity.is_conditional(name)
        return parameters.code(self._parameters[name], config.get(name), conditional)

    def _sample(self, rng: np.random.Generator) -> Config:
        for _ in range(_TRIES):
            config = self._validity.complete(
                {}, lambda name: parameters.draw(self._parameters[name], rng)
            )
            if self._validity.allows(config):
                return config
        raise ValueError(
            f"{self!r}: {_TRIES} draws gave no config that its forbidden clauses and rules allow"
        )

    def _default(self, name: str) -> Value:
        return parameters.plain(self._parameters[name].default_value)  # type: ignore[no-any-return]
