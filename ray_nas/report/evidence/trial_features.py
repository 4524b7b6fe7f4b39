"""Configs as numbers, parameter by parameter, and how alike two configs are."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ray_nas.estimators.arrays import Array, squared_distances

Domains = Mapping[str, Mapping[str, Any]]
"""Parameter name to its values, as in `ExperimentStarted.domains`."""


def parameter_columns(
    configs: Sequence[Mapping[str, Any]], domains: Domains | None
) -> dict[str, Array]:
    """Standardised columns of each parameter that varies, shape (configs, its columns).

    Ordered values and ranges have one column, their place; other values one each. An inactive
    parameter is at the mean.

    Args:
        configs: Flat.
        domains: None to take numbers as ranges, and everything else as unordered.

    Example:
        >>> columns = parameter_columns([{"op": "conv"}, {"op": "pool"}], None)
        >>> columns["op"].tolist()
        [[1.0, -1.0], [-1.0, 1.0]]
    """
    names = sorted({name for config in configs for name in config})
    found = {
        name: _columns([config.get(name) for config in configs], (domains or {}).get(name))
        for name in names
    }
    return {name: columns for name, columns in found.items() if columns.shape[1]}


def kernel(columns: Mapping[str, Array]) -> Array:
    """How alike configs are, shape (configs, configs): centred, with a mean of 1 on the diagonal.

    Half is linear in the parameters, so that each has an effect of its own. Half falls with the
    distance, so that effects may depend on each other.

    Args:
        columns: From `parameter_columns`, not empty; each parameter counts the same.
    """
    scaled = np.hstack([part / math.sqrt(part.shape[1]) for part in columns.values()])
    distances = squared_distances(scaled, scaled)
    typical = float(np.median(distances[distances > 0])) if (distances > 0).any() else 1.0
    halves = _centred(scaled @ scaled.T), _centred(np.exp(-distances / typical))
    mixed: Array = halves[0] + halves[1]
    return _centred(mixed)


def placer(domain: Mapping[str, Any] | None) -> Callable[[Any], float | None]:
    """Maps a value to its place in its range or order, in [0, 1]; to None where there is no order.

    Example:
        >>> placer({"values": [2, 4, 8], "ordered": True})(4)
        0.5
        >>> placer({"low": 0.01, "high": 1.0, "log": True})(0.1)
        0.5
    """
    if domain is None:
        return lambda value: None
    if "values" in domain:
        values = [_text(option) for option in domain["values"]] if domain["ordered"] else []
        places = {text: place / max(len(values) - 1, 1) for place, text in enumerate(values)}
        return lambda value: places.get(_text(value)) if places else None
    scale = math.log if domain["log"] else float
    low, high = scale(domain["low"]), scale(domain["high"])
    width = high - low or 1.0
    return lambda value: None if value is None else (scale(value) - low) / width


def _columns(values: Sequence[Any], domain: Mapping[str, Any] | None) -> Array:
    places = list(map(placer(domain), values))
    if domain is None and all(value is None or _is_number(value) for value in values):
        places = values  # type: ignore[assignment]
    if any(place is not None for place in places):
        known = np.array([math.nan if place is None else place for place in places], np.float64)
        known[np.isnan(known)] = np.nanmean(known)
        return _standardised(known[:, None])
    texts = [None if value is None else _text(value) for value in values]
    options = sorted({text for text in texts if text is not None})
    return _standardised(
        np.array([[text == option for option in options] for text in texts], float)
    )


def _standardised(columns: Array) -> Array:
    """Constant columns are left out."""
    spread = columns.std(0)
    result: Array = (columns - columns.mean(0))[:, spread > 0] / spread[spread > 0]
    return result


def _centred(matrix: Array) -> Array:
    """Without the mean of any row and column, and with a mean of 1 on the diagonal."""
    means = matrix.mean(0)
    centred: Array = matrix - means[:, None] - means[None] + means.mean()
    scale = float(np.trace(centred)) / len(centred)
    return centred / scale if scale > 0 else centred


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _text(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else json.dumps(value)
