"""The choices of a network as a `ConfigurationSpace`, with conditions and forbidden clauses."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ConfigSpace import (
    ConfigurationSpace,
    EqualsCondition,
    ForbiddenAndConjunction,
    ForbiddenInClause,
    InCondition,
    OrConjunction,
)
from ConfigSpace.exceptions import ForbiddenValueError
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Hyperparameter,
    OrdinalHyperparameter,
    UniformIntegerHyperparameter,
)

from ray_nas.spaces.core.parameters import Value
from ray_nas.spaces.model.choice_context import Choice, Condition, Forbidden


def reachable(choices: Mapping[str, Choice]) -> dict[str, Choice]:
    """The choices that some config can activate.

    Their conditions keep only values that their parents still have.
    """
    reached: set[str] = set()
    while True:
        found = {label for label, choice in choices.items() if _possible(choice, choices, reached)}
        if found == reached:
            break
        reached = found
    return {
        label: replace(choice, conditions=_possible(choice, choices, reached))
        for label, choice in choices.items()
        if label in reached
    }


def _possible(
    choice: Choice, choices: Mapping[str, Choice], reached: Collection[str]
) -> list[Condition | None]:
    """The conditions of a choice that can hold, given which choices are reached."""
    conditions: list[Condition | None] = []
    for condition in choice.conditions:
        if condition is None:
            conditions.append(None)
        elif condition[0] in reached:
            parent, values = condition
            values = tuple(value for value in values if value in choices[parent].values)
            conditions += [(parent, values)] if values else []
    return conditions


def config_space_of(
    choices: Mapping[str, Choice], forbidden: Sequence[Forbidden]
) -> ConfigurationSpace:
    """The choices as parameters and conditions, with forbidden clauses.

    Raises:
        ValueError: A forbidden combination excludes the default.
    """
    config_space = ConfigurationSpace()
    parameters = {label: _parameter(choice) for label, choice in choices.items()}
    config_space.add(*parameters.values())
    for label, choice in choices.items():
        if None in choice.conditions:
            continue
        conditions = [
            _condition(parameters[label], parameters[parent], values)
            for parent, values in filter(None, choice.conditions)
        ]
        config_space.add(conditions[0] if len(conditions) == 1 else OrConjunction(*conditions))
    for index, combination in enumerate(forbidden):
        clauses = _clauses(combination, choices, parameters)
        try:
            config_space.add(*clauses)
        except ForbiddenValueError as error:
            raise ValueError(
                f"forbidden[{index}] = {combination} excludes the first values of its choices, "
                "which are the default"
            ) from error
    return config_space


def _clauses(
    combination: Forbidden,
    choices: Mapping[str, Choice],
    parameters: Mapping[str, Hyperparameter[Any, Any]],
) -> list[ForbiddenAndConjunction | ForbiddenInClause]:
    """The combination as a clause; no clause if no config of a restricted space can have it."""
    parts = []
    for label, given in combination.items():
        values = [
            value for value in _listed(given) if label in choices and value in choices[label].values
        ]
        if not values:
            return []
        parts.append(ForbiddenInClause(parameters[label], values))
    return [parts[0] if len(parts) == 1 else ForbiddenAndConjunction(*parts)]


def _parameter(choice: Choice) -> Hyperparameter[Any, Any]:
    values: list[Any] = list(choice.values)
    first: Any = choice.first if choice.first in values else values[0]
    if choice.kind == "Repeat" and len(values) == values[-1] - values[0] + 1 > 1:
        return UniformIntegerHyperparameter(
            choice.label, values[0], values[-1], default_value=first
        )
    if choice.ordered and len(values) > 1:
        return OrdinalHyperparameter(choice.label, values, default_value=first)
    return CategoricalHyperparameter(choice.label, values, default_value=first)


def _condition(
    child: Hyperparameter[Any, Any], parent: Hyperparameter[Any, Any], values: tuple[Any, ...]
) -> EqualsCondition | InCondition:
    if len(values) == 1:
        return EqualsCondition(child, parent, values[0])
    return InCondition(child, parent, list(values))


def check_forbidden(forbidden: Sequence[Forbidden], choices: Mapping[str, Choice]) -> None:
    """Raises a ValueError for a combination that is empty or names an unknown choice or value."""
    for index, combination in enumerate(forbidden):
        if not combination:
            raise ValueError(f"forbidden[{index}] is empty: it must name at least one choice")
        for label, given in combination.items():
            if label not in choices:
                raise ValueError(
                    f"forbidden[{index}] names an unknown choice {label!r}; "
                    f"the choices are {', '.join(choices)}"
                )
            unknown = [value for value in _listed(given) if value not in choices[label].values]
            if unknown:
                raise ValueError(
                    f"forbidden[{index}][{label!r}] must be among {list(choices[label].values)}, "
                    f"got {unknown}"
                )


def _listed(given: Value | Sequence[Value]) -> list[Value]:
    return [given] if isinstance(given, bool | int | float | str) else list(given)
