"""Finds networks that ignore their inputs, such as those of cells without a path."""

from typing import Any, Final

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ray_nas.estimators.proxies.core.batches import check_batch
from ray_nas.estimators.proxies.core.preserved_network import preserved_network

_ROUNDING: Final = 1e-6
"""Differences between examples that count as none, relative to the outputs."""

_EXAMPLES: Final = 16
"""So many examples are enough to tell."""


def has_constant_outputs(network: nn.Module, batch: tuple[Any, torch.Tensor | None]) -> bool:
    """Whether the outputs are the same for the first 16 examples of a batch, up to rounding.

    Args:
        network: Any module, of any precision. It comes back as it was. On the meta device nothing
            is known, and the answer is False.
        batch: At least two examples that differ; labels are not used.

    Example:
        >>> batch = (torch.eye(3), None)
        >>> has_constant_outputs(nn.Linear(3, 2), batch)
        False
        >>> has_constant_outputs(nn.Sequential(nn.Threshold(9.0, 0.0), nn.Linear(3, 2)), batch)
        True
    """
    checked = check_batch(batch).first(_EXAMPLES)
    device = next((parameter.device for parameter in network.parameters()), None)
    with preserved_network(network, dtype=torch.float32), torch.no_grad():
        for module in network.eval().modules():
            # Running statistics of an untrained network would let its signal fade.
            if isinstance(module, _BatchNorm):
                module.train()
        outputs = checked.map(lambda tensor: _copied(tensor, device)).call(network)
    if checked.size == 1 or outputs.is_meta:
        return False
    return torch.allclose(outputs, outputs[:1], _ROUNDING, 0.0)


def _copied(tensor: torch.Tensor, device: torch.device | None) -> torch.Tensor:
    dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
    return tensor.to(device, dtype, copy=True)
