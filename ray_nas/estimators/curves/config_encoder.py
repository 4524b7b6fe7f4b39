"""Encodings of plain config dicts, for where no search space is at hand."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def config_encoder(configs: Sequence[Mapping[str, Any]]) -> Callable[[Mapping[str, Any]], Floats]:
    """A function from a config to its code: one-hot columns for what is no number, numbers scaled
    to [0, 1].

    Columns are those of `configs`; what these never held is passed over. Nested configs are
    flattened.
    """
    seen: dict[str, list[Any]] = {}
    for config in configs:
        for name, value in flat(config):
            seen.setdefault(name, []).append(value)
    ranges: dict[str, tuple[float, float]] = {}
    options: dict[tuple[str, str], int] = {}
    for name, values in sorted(seen.items()):
        if all(_is_number(value) for value in values):
            ranges[name] = (min(values), max(values))
        else:
            for option in sorted({repr(value) for value in values}):
                options[name, option] = len(options)
    numbers = {name: len(options) + index for index, name in enumerate(ranges)}

    def encode(config: Mapping[str, Any]) -> Floats:
        code = np.zeros(len(options) + len(numbers))
        for name, value in flat(config):
            if name in numbers and _is_number(value):
                low, high = ranges[name]
                code[numbers[name]] = (value - low) / (high - low) if high > low else 0.0
            elif (name, repr(value)) in options:
                code[options[name, repr(value)]] = 1.0
        return code

    return encode


def flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(name, value) of a nested config's values, names joined by dots."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float | np.number)
        and not isinstance(value, bool)
        and math.isfinite(value)
    )
