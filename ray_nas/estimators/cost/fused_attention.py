"""Attention on the meta device as one fused kernel, as CPUs and GPUs run it.

On the meta device torch itself would run attention in parts and save the matrix of weights, which
no fused kernel keeps.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode


@contextmanager
def fused_attention() -> Iterator[None]:
    """Runs attention as one kernel that saves its inputs, its output and one number per row.

    Replaces a global function of torch while it is active, so it is not thread-safe: a torch
    function mode does not see what `nn.MultiheadAttention` calls. The mode covers code that has
    imported the function by name.
    """
    functional.scaled_dot_product_attention = _attention
    try:
        with _FusedAttention():
            yield
    finally:
        functional.scaled_dot_product_attention = scaled_dot_product_attention


class _FusedAttention(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        replacement = _attention if func is scaled_dot_product_attention else func
        return replacement(*args, **(kwargs or {}))


def _attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    is_plain = query.dim() == 4 and query.shape[-1] == value.shape[-1] and not enable_gqa
    learns_mask = attn_mask is not None and attn_mask.requires_grad
    if not (is_plain and query.is_meta) or learns_mask:
        return scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    if attn_mask is not None:
        # Torch converts a boolean mask to numbers.
        attn_mask = torch.empty_like(attn_mask, dtype=query.dtype)
    # This kernel has none of the GPU kernels' alignment rules.
    fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    output: torch.Tensor = fused(
        query, key, value, 0.0, is_causal, attn_mask=attn_mask, scale=scale
    )[0]
    return output
