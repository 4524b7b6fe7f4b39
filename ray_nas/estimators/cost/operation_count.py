"""Counts the FLOPs of whatever runs inside a `FlopCounter`, without a tree of modules."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

# Torch documents the class there, and its own flop counter imports it from there.
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_flop_count


class FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no annotations
    """Sums torch's own formulas over the operations that run.

    Takes a fraction of the time of `torch.utils.flop_counter.FlopCounterMode`, which also keeps a
    tree of modules.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0
        """FLOPs so far."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        formula = _FORMULAS.get(func._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=result)
        return result


def _fused_attention_flops(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *args: Any, **kwargs: Any
) -> int:
    return int(sdpa_flop_count(query.shape, key.shape, value.shape))  # type: ignore[no-untyped-call]


_FORMULAS: Mapping[Any, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _fused_attention_flops,
    **flop_registry,
}
