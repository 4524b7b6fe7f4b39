"""Tells networks of rectifiers, which are piecewise linear, from those of smooth activations."""

from typing import Any, Final

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_RECTIFIERS: Final = frozenset(
    {
        *(torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_),
        *(functional.relu, functional.relu_, functional.relu6, functional.hardtanh),
        *(functional.leaky_relu, functional.leaky_relu_, functional.rrelu, functional.rrelu_),
        *(torch.prelu, torch.Tensor.prelu, functional.prelu),
    }
)


class RectifierCheck(TorchFunctionMode):
    """Sees whether a rectifier runs inside: ReLU, ReLU6, leaky or parametric ReLU.

    Example:
        >>> with RectifierCheck() as check:
        ...     _ = torch.nn.Sequential(torch.nn.GELU(), torch.nn.ReLU())(torch.ones(2))
        >>> check.found
        True
    """

    def __init__(self) -> None:
        super().__init__()
        self.found = False
        """Whether one has run."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.found = self.found or func in _RECTIFIERS
        return func(*args, **(kwargs or {}))
