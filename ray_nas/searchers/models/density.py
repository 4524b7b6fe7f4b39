"""A product kernel density of continuous and categorical variables."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Density:
    """A product kernel density, equal to `statsmodels.nonparametric.KDEMultivariate`.

    Kernels are Gaussian for continuous variables, and Aitchison and Aitken's for categories.

    Args:
        data: Observations of shape (rows, dimensions).
        bandwidths: Shape (dimensions,).
        levels: The number of categories of each dimension, 0 for a continuous one.

    Example:
        >>> density = Density(np.array([[0.5]]), np.array([1.0]), np.array([0]))
        >>> density.log_pdf(np.array([[0.5], [1.5]])).round(3).tolist()
        [-0.919, -1.419]
    """

    data: Array
    bandwidths: Array
    levels: NDArray[np.int64]

    def log_pdf(self, points: Array) -> Array:
        """The logarithm of the density at points of shape (points, dimensions).

        The logarithm of each kernel is linear in a squared distance: a Gaussian's in that of values
        divided by the bandwidth, Aitchison and Aitken's in that of one-hot codes. So one distance
        matrix gives all kernels.
        """
        is_category = self.levels > 0
        widths = self.bandwidths
        log_peaks = np.where(
            is_category,
            np.log1p(-np.where(is_category, widths, 0)),
            -np.log(widths * np.sqrt(2 * np.pi)),
        )
        distances = cdist(self._features(points), self._features(self.data), "sqeuclidean")
        log_kernel = log_peaks.sum() - 0.5 * distances
        largest = log_kernel.max(axis=1)
        density: Array = largest + np.log(np.exp(log_kernel - largest[:, None]).mean(axis=1))
        return density

    def _features(self, points: Array) -> Array:
        columns = []
        for column, width, levels in zip(points.T, self.bandwidths, self.levels, strict=True):
            if levels:
                one_hot = column[:, None] == np.arange(levels)
                scale = np.sqrt(max(0.0, np.log((1 - width) * (levels - 1) / width)))
                columns.append(one_hot * scale)
            else:
                columns.append(column[:, None] / width)
        return np.hstack(columns)


def standard_deviation(column: Array, levels: int) -> float:
    """The standard deviation of a dimension's observations.

    Args:
        column: Shape (rows,): numbers, or indices of categories.
        levels: The number of categories, 0 for numbers. The deviation of a category is that of its
            one-hot code: the root of half the sum of the codes' variances.

    Example:
        >>> standard_deviation(np.array([0.0, 1.0]), levels=0)
        0.5
        >>> standard_deviation(np.array([0.0, 1.0]), levels=2)
        0.5
    """
    if not levels:
        return float(column.std())
    shares = np.bincount(column.astype(np.int64), minlength=levels) / len(column)
    return float(np.sqrt((shares * (1 - shares)).sum() / 2))
