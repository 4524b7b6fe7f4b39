"""What a search does with one ConfigSpace hyperparameter: draw it, change it, list its values,
encode it.

Everything here is a function of a hyperparameter and a plain Python value, so that conditions and
forbidden clauses are the business of `SearchSpace` alone.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Constant,
    Hyperparameter,
    OrdinalHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)

Value = bool | int | float | str
MAX_LISTED: Final = 16
"""Integer ranges up to this long are treated value by value, longer ones like floats."""
QUANTILE_STEPS: Final = (-0.3, -0.1, -0.02, 0.02, 0.1, 0.3)
"""The neighbours of a float or a long integer, as steps in its unit interval (log scales
included).
"""
_MUTATION_SPREAD: Final = 0.2


def plain(value: Any) -> Any:
    """The plain Python value behind a numpy scalar (ConfigSpace hands out `np.str_` and
    `np.int64`).
    """
    return value.item() if isinstance(value, np.generic) else value


def listed_values(parameter: Hyperparameter[Any, Any]) -> list[Value] | None:
    """All values of a discrete parameter in its own order, or None for floats and long integer
    ranges.
    """
    if isinstance(parameter, CategoricalHyperparameter):
        return [plain(value) for value in parameter.choices]
    if isinstance(parameter, OrdinalHyperparameter):
        return [plain(value) for value in parameter.sequence]
    if isinstance(parameter, Constant):
        return [plain(parameter.value)]
    lower, upper = getattr(parameter, "lower", None), getattr(parameter, "upper", None)
    if parameter.size <= MAX_LISTED and lower is not None and upper is not None:
        return list(range(int(lower), int(upper) + 1))
    return None


def all_values(parameter: Hyperparameter[Any, Any]) -> Sequence[Value]:
    """All values of a parameter that has finitely many, however long its range."""
    listed = listed_values(parameter)
    return range(int(parameter.lower), int(parameter.upper) + 1) if listed is None else listed  # type: ignore[attr-defined]


def is_free(parameter: Hyperparameter[Any, Any]) -> bool:
    """Whether the parameter has more than one value."""
    return bool(parameter.size > 1)


def draw(parameter: Hyperparameter[Any, Any], rng: np.random.Generator) -> Value:
    """One value from the parameter's own distribution."""
    value: Any
    if isinstance(parameter, CategoricalHyperparameter):
        weights = parameter.probabilities
        uniform = weights is None or np.ptp(weights) == 0
        index = (
            rng.integers(len(parameter.choices))
            if uniform
            else rng.choice(len(parameter.choices), p=weights)
        )
        value = parameter.choices[int(index)]
    elif isinstance(parameter, OrdinalHyperparameter):
        value = parameter.sequence[int(rng.integers(len(parameter.sequence)))]
    elif isinstance(parameter, Constant):
        value = parameter.value
    elif isinstance(parameter, UniformIntegerHyperparameter):
        if parameter.log:
            low, high = np.log(parameter.lower - 0.5), np.log(parameter.upper + 0.5)
            value = int(
                np.clip(np.rint(np.exp(rng.uniform(low, high))), parameter.lower, parameter.upper)
            )
        else:
            value = int(rng.integers(parameter.lower, parameter.upper + 1))
    elif isinstance(parameter, UniformFloatHyperparameter):
        value = float(parameter.to_value(rng.random()))
    else:  # normal and beta distributions draw through ConfigSpace, which wants numpy's older generator
        value = parameter.sample_value(seed=np.random.RandomState(int(rng.integers(2**32))))
    return plain(value)  # type: ignore[no-any-return]


def redraw(parameter: Hyperparameter[Any, Any], value: Value, rng: np.random.Generator) -> Value:
    """Another value: any of the others where they are few, else a Gaussian step of a fifth of
    the unit interval.
    """
    listed = listed_values(parameter)
    if listed is not None:
        others = [other for other in listed if other != value]
        return others[int(rng.integers(len(others)))]
    position = float(parameter.to_vector(value))
    while True:
        step = float(np.clip(position + rng.normal(0.0, _MUTATION_SPREAD), 0.0, 1.0))
        moved: Value = plain(parameter.to_value(step))
        if moved != value:
            return moved


def neighbor_values(parameter: Hyperparameter[Any, Any], value: Value) -> list[Value]:
    """All the other values of a short list; fixed quantile steps for floats and long integer
    ranges.
    """
    listed = listed_values(parameter)
    if listed is not None:
        return [other for other in listed if other != value]
    position = float(parameter.to_vector(value))
    steps = [position + step for step in QUANTILE_STEPS if 0.0 <= position + step <= 1.0]
    return list(
        dict.fromkeys(
            moved for step in steps if (moved := plain(parameter.to_value(step))) != value
        )
    )


def grid_values(parameter: Hyperparameter[Any, Any], points: int) -> list[Value]:
    """Every value of a short list; `points` evenly spaced quantiles of a float or a long integer
    range.
    """
    listed = listed_values(parameter)
    if listed is not None:
        return listed
    steps = np.linspace(0.0, 1.0, points)
    return list(dict.fromkeys(plain(parameter.to_value(float(step))) for step in steps))


def is_ordered(parameter: Hyperparameter[Any, Any]) -> bool:
    """Whether the values stand on a line (ordinals, integers, floats)."""
    return not isinstance(parameter, CategoricalHyperparameter | Constant)


def code_width(parameter: Hyperparameter[Any, Any], conditional: bool) -> int:
    """How many entries `code` gives."""
    if isinstance(parameter, CategoricalHyperparameter):
        return len(parameter.choices)
    return (1 if is_ordered(parameter) else 0) + (1 if conditional else 0)


def code(
    parameter: Hyperparameter[Any, Any], value: Value | None, conditional: bool
) -> list[float]:
    """One-hot for categories, the place in [0, 1] for ordered values; a conditional one adds
    whether it is active.

    Args:
        parameter: The hyperparameter.
        value: Its value, or None where it is inactive (all zeros).
        conditional: Whether the parameter can be inactive.
    """
    if value is None:
        return [0.0] * code_width(parameter, conditional)
    if isinstance(parameter, CategoricalHyperparameter):
        return [float(plain(choice) == value) for choice in parameter.choices]
    place = []
    if isinstance(parameter, OrdinalHyperparameter):
        place = [parameter.get_order(value) / max(1, len(parameter.sequence) - 1)]
    elif not isinstance(parameter, Constant):
        place = [float(parameter.to_vector(value))]
    return place + ([1.0] if conditional else [])
