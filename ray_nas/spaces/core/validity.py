"""Which configs a space has: legal values, active parameters, forbidden clauses and rules."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ConfigSpace import ConfigurationSpace
from ConfigSpace.hyperparameters import Hyperparameter
from ConfigSpace.types import NotSet

from ray_nas.spaces.core import parameters
from ray_nas.spaces.core.parameters import Value

Config = dict[str, Any]
"""A flat dict of plain Python values: the active parameters of one architecture, in any order."""
Rule = Callable[[Config], bool]
"""A validity rule that no forbidden clause can express: True if the config may be used."""


class Part(NamedTuple):
    """Another space's parameters in a config, and that space's validity."""

    names: Mapping[str, str]
    """The names in the config to the names in the other space."""
    validity: "Validity"

    def config(self, config: Mapping[str, Any]) -> Config:
        """The other space's config."""
        return {name: config[full] for full, name in self.names.items() if full in config}


class Validity:
    """Decides which parameters are active and which configs are valid.

    Args:
        config_space: The parameters, conditions and forbidden clauses.
        rules: Further rules; each takes a config and returns whether it may be used.
        parts: Other spaces in this one, whose rules hold too.
    """

    def __init__(
        self,
        config_space: ConfigurationSpace,
        rules: Sequence[Rule] = (),
        parts: Sequence[Part] = (),
    ) -> None:
        self._parameters = dict(config_space)
        self._conditions = {
            name: tuple(config_space.parent_conditions_of[name]) for name in self._parameters
        }
        self._forbidden = tuple(config_space.forbidden_clauses)
        self._rules = tuple(rules)
        self._parts = tuple(parts)

    @property
    def excludes_configs(self) -> bool:
        """Whether a config whose values are all legal may still be invalid."""
        excluded = (part.validity.excludes_configs for part in self._parts)
        return bool(self._forbidden or self._rules) or any(excluded)

    def is_conditional(self, name: str) -> bool:
        """Whether the parameter can be inactive."""
        return bool(self._conditions[name])

    def is_active(self, name: str, values: dict[str, Any]) -> bool:
        """Whether a parameter is active.

        Args:
            name: The parameter's name.
            values: The values of the parameters before it, `NotSet` for inactive ones.
        """
        return all(condition.satisfied_by_value(values) for condition in self._conditions[name])

    def complete(self, wanted: Mapping[str, Any], fill: Callable[[str], Any]) -> Config:
        """The active parameters, parents first.

        Args:
            wanted: Values to use.
            fill: Makes the value of an active parameter that `wanted` lacks.
        """
        values: dict[str, Any] = {}
        for name in self._parameters:
            if not self.is_active(name, values):
                values[name] = NotSet
            else:
                values[name] = wanted[name] if name in wanted else fill(name)
        return {name: value for name, value in values.items() if value is not NotSet}

    def is_legal(self, name: str, value: Any) -> bool:
        """Whether the parameter has this value."""
        if type(value) is bool or isinstance(value, str):
            # 1 == True, but a parameter has only one of them
            listed = parameters.listed_values(self._parameters[name]) or []
            return any(type(other) is type(value) and other == value for other in listed)
        try:
            return bool(self._parameters[name].legal_value(value))
        except (TypeError, ValueError):
            return False

    def violation(self, config: Config) -> str | None:
        """What forbids the config, as the end of the sentence "config ..."; None if valid."""
        for clause in self._forbidden:
            if clause.is_forbidden_value(config):
                return f"is forbidden by {clause}"
        for rule in self._rules:
            if not rule(config):
                return f"breaks the rule {getattr(rule, '__name__', rule)!s}"
        for part in self._parts:
            violation = part.validity.violation(part.config(config))
            if violation is not None:
                return violation
        return None

    def allows(self, config: Config) -> bool:
        """Whether no forbidden clause and no rule excludes the config."""
        return self.violation(config) is None

    def check(self, config: Mapping[str, Any]) -> None:
        """Raises unless the config is valid.

        Raises:
            TypeError: The config is no dict.
            ValueError: A value is unknown, missing or inactive, or a clause or rule forbids the
                config; the message names the parameter, the rule and the value.
        """
        if not isinstance(config, Mapping):
            raise TypeError(
                f"config must be a dict of parameter values, got {type(config).__name__}"
            )
        for name, value in config.items():
            if name not in self._parameters:
                raise ValueError(
                    f"config has an unknown parameter {name!r}; "
                    f"the parameters are {', '.join(self._parameters)}"
                )
            if not self.is_legal(name, value):
                allowed = parameters.describe(self._parameters[name])
                raise ValueError(f"config[{name!r}] must be {allowed}, got {value!r}")
        active = self.complete(config, self._raise_missing)
        for name in config:
            if name not in active:
                conditions = " and ".join(str(condition) for condition in self._conditions[name])
                raise ValueError(
                    f"config[{name!r}] is inactive here and must be left out: {conditions}"
                )
        violation = self.violation(active)
        if violation is not None:
            raise ValueError(f"config {violation}: {dict(config)}")

    def _raise_missing(self, name: str) -> Value:
        allowed = parameters.describe(self._parameters[name])
        raise ValueError(f"config lacks {name!r}, which must be {allowed}")

    def combinations(
        self, values_of: Callable[[Hyperparameter[Any, Any]], Sequence[Value]]
    ) -> Iterator[Config]:
        """All valid configs in a fixed order.

        Args:
            values_of: The values of a hyperparameter to combine.
        """
        return self._combinations(values_of, list(self._parameters), {})

    def _combinations(
        self,
        values_of: Callable[[Hyperparameter[Any, Any]], Sequence[Value]],
        names: list[str],
        values: dict[str, Any],
    ) -> Iterator[Config]:
        """All valid configs that begin with `values`."""
        if len(values) == len(names):
            config = {name: value for name, value in values.items() if value is not NotSet}
            if self.allows(config):
                yield config
            return
        name = names[len(values)]
        options: Sequence[Any] = [NotSet]
        if self.is_active(name, values):
            options = values_of(self._parameters[name])
        for value in options:
            yield from self._combinations(values_of, names, {**values, name: value})
