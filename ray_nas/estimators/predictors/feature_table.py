"""Joins measures of architectures, such as costs and zero-cost proxies, to their features."""

from collections.abc import Mapping, Sequence

import numpy as np

from ray_nas.estimators.arrays import Array


def join_columns(features: Array, columns: Mapping[str, Sequence[float]]) -> Array:
    """Features with one further column for each measure.

    A measure x enters as sign(x) log(1 + |x|), since costs and proxies span orders of magnitude. A
    value that is not finite counts as the least finite one of its column: larger is better, and a
    proxy that fails says nothing good. A column without finite values is left out.

    Args:
        features: Shape (architectures, features).
        columns: Name to one value per architecture.

    Returns:
        Shape (architectures, features + columns), finite if `features` is.

    Raises:
        ValueError: A column has another number of values.

    Example:
        >>> import numpy as np
        >>> columns = {"params": [1e3, 1e6], "zen": [2.0, float("nan")]}
        >>> join_columns(np.array([[0.0], [1.0]]), columns).round(1).tolist()
        [[0.0, 6.9, 1.1], [1.0, 13.8, 1.1]]
    """
    joined = [features]
    for name, measured in columns.items():
        values = np.asarray(measured, dtype=np.float64)
        if values.shape != (len(features),):
            raise ValueError(
                f"columns: {name!r} must have one value for each of the {len(features)} "
                f"architectures, got shape {values.shape}"
            )
        is_finite = np.isfinite(values)
        if is_finite.any():
            filled = np.where(is_finite, values, values[is_finite].min())
            joined.append((np.sign(filled) * np.log1p(np.abs(filled)))[:, None])
    return np.concatenate(joined, axis=1)
