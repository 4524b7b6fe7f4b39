"""Functions of one ConfigSpace hyperparameter: draw, change, list and encode its values.

Each takes a hyperparameter and plain Python values. Conditions and forbidden clauses are handled in
`validity.py`.
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
"""The value of a parameter in a config."""
MAX_LISTED: Final = 16
"""Integer ranges up to this long are treated value by value, longer ones like floats."""
QUANTILE_STEPS: Final = (-0.3, -0.1, -0.02, 0.02, 0.1, 0.3)
"""Steps to the neighbours of a float or a long integer, in its unit interval (log or not)."""
_MUTATION_SPREAD: Final = 0.2
"""Standard deviation of a mutation, in the unit interval."""


def plain(value: Any) -> Any:
    """The plain Python value of a numpy scalar (ConfigSpace returns `np.str_` and `np.int64`)."""
    return value.item() if isinstance(value, np.generic) else value


def listed_values(parameter: Hyperparameter[Any, Any]) -> list[Value] | None:
    """All values of a discrete parameter in order; None for floats and long integer ranges."""
    if isinstance(parameter, CategoricalHyperparameter):
        return [plain(value) for value in parameter.choices]
    if isinstance(parameter, OrdinalHyperparameter):
        return [plain(value) for value in parameter.sequence]
    if isinstance(parameter, Constant):
        return [plain(parameter.value)]
    lower = getattr(parameter, "lower", None)
    upper = getattr(parameter, "upper", None)
    if parameter.size <= MAX_LISTED and lower is not None and upper is not None:
        return list(range(int(lower), int(upper) + 1))
    return None


def all_values(parameter: Hyperparameter[Any, Any]) -> Sequence[Value]:
    """All values of a parameter with finitely many, however long its range."""
    listed = listed_values(parameter)
    if listed is not None:
        return listed
    return range(int(parameter.lower), int(parameter.upper) + 1)  # type: ignore[attr-defined]


def describe(parameter: Hyperparameter[Any, Any]) -> str:
    """The values of a parameter in words, for error messages."""
    listed = listed_values(parameter)
    if listed is not None:
        return f"one of {listed}"
    return f"in [{parameter.lower}, {parameter.upper}]"  # type: ignore[attr-defined]


def domain(parameter: Hyperparameter[Any, Any]) -> dict[str, Any]:
    """The values as JSON: `values` in order and `ordered`, or the range `low` to `high`."""
    listed = listed_values(parameter)
    if listed is not None:
        return {"values": listed, "ordered": is_ordered(parameter)}
    lower: Any = getattr(parameter, "lower", None)
    upper: Any = getattr(parameter, "upper", None)
    return {
        "low": plain(lower),
        "high": plain(upper),
        "log": bool(getattr(parameter, "log", False)),
    }


def is_free(parameter: Hyperparameter[Any, Any]) -> bool:
    """Whether the parameter has more than one value."""
    return bool(parameter.size > 1)


def draw(parameter: Hyperparameter[Any, Any], rng: np.random.Generator) -> Value:
    """One value from the parameter's own distribution."""
    value: Any
    if isinstance(parameter, CategoricalHyperparameter):
        weights = parameter.probabilities
        count = len(parameter.choices)
        uniform = weights is None or np.ptp(weights) == 0
        index = rng.integers(count) if uniform else rng.choice(count, p=weights)
        value = parameter.choices[int(index)]
    elif isinstance(parameter, OrdinalHyperparameter):
        value = parameter.sequence[int(rng.integers(len(parameter.sequence)))]
    elif isinstance(parameter, Constant):
        value = parameter.value
    elif isinstance(parameter, UniformIntegerHyperparameter):
        value = _draw_integer(parameter, rng)
    elif isinstance(parameter, UniformFloatHyperparameter):
        value = float(parameter.to_value(rng.random()))
    else:
        # Normal and beta distributions draw through ConfigSpace, which needs a RandomState
        value = parameter.sample_value(seed=np.random.RandomState(int(rng.integers(2**32))))
    return plain(value)  # type: ignore[no-any-return]


def _draw_integer(parameter: UniformIntegerHyperparameter, rng: np.random.Generator) -> int:
    low, high = parameter.lower, parameter.upper
    if not parameter.log:
        return int(rng.integers(low, high + 1))
    drawn = np.exp(rng.uniform(np.log(low - 0.5), np.log(high + 0.5)))
    return int(np.clip(np.rint(drawn), low, high))


def redraw(parameter: Hyperparameter[Any, Any], value: Value, rng: np.random.Generator) -> Value:
    """Another value of a parameter.

    Any other value of a short list; a Gaussian step in the unit interval for floats and long
    integer ranges.
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
    """The neighbours of a value.

    All other values of a short list; fixed quantile steps for floats and long integer ranges.
    """
    listed = listed_values(parameter)
    if listed is not None:
        return [other for other in listed if other != value]
    position = float(parameter.to_vector(value))
    steps = [position + step for step in QUANTILE_STEPS if 0.0 <= position + step <= 1.0]
    moved = [plain(parameter.to_value(step)) for step in steps]
    return [other for other in dict.fromkeys(moved) if other != value]


def grid_values(parameter: Hyperparameter[Any, Any], points: int) -> list[Value]:
    """All values of a short list; evenly spaced quantiles of a float or a long integer range."""
    listed = listed_values(parameter)
    if listed is not None:
        return listed
    steps = np.linspace(0.0, 1.0, points)
    return list(dict.fromkeys(plain(parameter.to_value(float(step))) for step in steps))


def is_ordered(parameter: Hyperparameter[Any, Any]) -> bool:
    """Whether the values have an order (ordinals, integers, floats)."""
    return not isinstance(parameter, CategoricalHyperparameter | Constant)


def code_width(parameter: Hyperparameter[Any, Any], conditional: bool) -> int:
    """The number of entries of `code`."""
    if isinstance(parameter, CategoricalHyperparameter):
        return len(parameter.choices)
    return (1 if is_ordered(parameter) else 0) + (1 if conditional else 0)


def code(
    parameter: Hyperparameter[Any, Any], value: Value | None, conditional: bool
) -> list[float]:
    """A value as numbers: one-hot for categories, the place in [0, 1] for ordered values.

    A conditional parameter adds an entry that is 1 while it is active.

    Args:
        parameter: The hyperparameter.
        value: Its value; None if it is inactive (all zeros).
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
