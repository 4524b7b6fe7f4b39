"""Encodes plain config dicts, for trials without a search space."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ray_nas.estimators.arrays import Array


def config_encoder(configs: Sequence[Mapping[str, Any]]) -> Callable[[Mapping[str, Any]], Array]:
    """Returns a function that encodes a config: one-hot choices, numbers scaled to [0, 1].

    Args:
        configs: Define the columns; entries that none of them has are ignored later. Nested
            configs are flattened.

    Returns:
        Maps a config to its encoding, shape (columns,).

    Example:
        >>> encode = config_encoder([{"op": "conv", "lr": 0.1}, {"op": "pool", "lr": 0.3}])
        >>> encode({"op": "pool", "lr": 0.2}).round(2).tolist()
        [0.0, 1.0, 0.5]
    """
    seen: dict[str, list[Any]] = {}
    for config in configs:
        for name, value in _flatten(config):
            seen.setdefault(name, []).append(value)
    # One column for each number, one for each other value seen
    ranges: dict[str, tuple[float, float]] = {}
    options: dict[tuple[str, str], int] = {}
    for name, values in sorted(seen.items()):
        if all(_is_number(value) for value in values):
            ranges[name] = (min(values), max(values))
        else:
            for option in sorted({repr(value) for value in values}):
                options[name, option] = len(options)
    numbers = {name: len(options) + index for index, name in enumerate(ranges)}

    def encode(config: Mapping[str, Any]) -> Array:
        encoding = np.zeros(len(options) + len(numbers))
        for name, value in _flatten(config):
            if name in numbers and _is_number(value):
                low, high = ranges[name]
                encoding[numbers[name]] = (value - low) / (high - low) if high > low else 0.0
            elif (name, repr(value)) in options:
                encoding[options[name, repr(value)]] = 1.0
        return encoding

    return encode


def _flatten(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields (name, value) of a nested config, names joined by dots."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float | np.number)
        and not isinstance(value, bool)
        and math.isfinite(value)
    )
