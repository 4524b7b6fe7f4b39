"""Arrays of floats, and distances between their rows."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def squared_distances(a: Array, b: Array) -> Array:
    """Squared Euclidean distances between rows.

    Args:
        a: Shape (n, features).
        b: Shape (m, features).

    Returns:
        Shape (n, m), at least 0.

    Example:
        >>> import numpy as np
        >>> squared_distances(np.zeros((1, 2)), np.array([[3.0, 4.0]]))
        array([[25.]])
    """
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2.0 * a @ b.T
    return np.asarray(np.maximum(squares, 0.0))
