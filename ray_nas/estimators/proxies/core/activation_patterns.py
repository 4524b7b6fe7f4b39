"""Which units are active: the signs in front of ReLUs and their relatives."""

from collections.abc import Callable
from typing import Any, Final

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_GATES: Final = frozenset(
    {
        *(torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_),
        *(functional.relu, functional.relu_, functional.relu6),
        *(functional.leaky_relu, functional.leaky_relu_, functional.rrelu, functional.rrelu_),
        *(torch.prelu, torch.Tensor.prelu, functional.prelu),
        *(functional.elu, functional.elu_, functional.selu, functional.selu_),
        *(functional.celu, functional.celu_, functional.gelu, functional.silu),
        *(functional.mish, functional.hardswish),
    }
)
"""Activations that open at zero: positive inputs pass, others do not, or change slope."""


class ActivationPatterns(TorchFunctionMode):
    """Hands the inputs of every ReLU that runs inside to a function.

    Also those of its relatives (ReLU6, leaky ReLU, ELU, GELU, SiLU, ...), whose slope changes at
    zero, and of activations that are called as functions.

    Args:
        use: Called with an activation's inputs, before it runs.

    Example:
        >>> shapes = []
        >>> with ActivationPatterns(lambda inputs: shapes.append(tuple(inputs.shape))):
        ...     _ = torch.nn.Sequential(torch.nn.ReLU(inplace=True))(torch.ones(2, 3))
        >>> shapes
        [(2, 3)]
    """

    def __init__(self, use: Callable[[torch.Tensor], None]) -> None:
        super().__init__()
        self._use = use

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _GATES or (func is functional.hardtanh and _lowest(*args, **kwargs) == 0):
            self._use(args[0] if args else kwargs["input"])
        return func(*args, **kwargs)


def _lowest(
    input: torch.Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> float:
    """The lower end of a hard tanh, which is 0 for ReLU6."""
    return min_val
