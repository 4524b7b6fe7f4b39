"""Compares the outputs of two networks or layers: tensors, or sequences or dicts of them."""

from collections.abc import Mapping
from typing import Any, Final

import torch

from ray_nas.spaces.model.slicing import leading

TOLERANCE: Final = 1e-5
"""The largest difference of equal outputs; for outputs below 1, relative to the largest."""


def are_equal(output: Any, target: Any) -> bool:
    """Whether two outputs differ by at most the tolerance.

    Example:
        >>> are_equal(torch.ones(2), torch.ones(2) + 1e-6), are_equal(torch.ones(2), torch.zeros(2))
        (True, False)
    """
    return largest_difference(output, target) <= TOLERANCE * min(1.0, _largest(target))


def are_equal_up_to_new_channels(output: Any, target: Any) -> bool:
    """Whether an output starts with the target; later layers ignore further channels so far.

    Example:
        >>> are_equal_up_to_new_channels(torch.ones(8, 3), torch.ones(8, 2))
        True
    """
    if not isinstance(output, torch.Tensor) or not isinstance(target, torch.Tensor):
        return False
    if output.ndim != target.ndim:
        return False
    if any(length < wanted for length, wanted in zip(output.shape, target.shape, strict=True)):
        return False
    return are_equal(leading("", output, target.shape), target)


def largest_difference(one: Any, other: Any) -> float:
    """The largest absolute difference; infinite if shapes or structures differ.

    Example:
        >>> largest_difference([torch.zeros(2)], [torch.tensor([0.0, 0.5])])
        0.5
    """
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return _tensor_difference(one, other)
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        return max((largest_difference(one[name], other[name]) for name in one), default=0.0)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        return max(map(largest_difference, one, other), default=0.0)
    return float("inf")


def _tensor_difference(one: torch.Tensor, other: torch.Tensor) -> float:
    if one.shape != other.shape:
        return float("inf")
    if not one.numel():
        return 0.0
    return float(torch.nan_to_num((one - other).abs(), nan=float("inf")).max())


def _largest(output: Any) -> float:
    """The largest absolute value."""
    if isinstance(output, torch.Tensor):
        return float(output.abs().max()) if output.numel() else 0.0
    values = output.values() if isinstance(output, Mapping) else output
    return max(map(_largest, values), default=0.0)
