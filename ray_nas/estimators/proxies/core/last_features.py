"""The last features of a network, before they are pooled and classified."""

from typing import Any

import torch
from torch import nn
from torch.nn.modules import activation

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.proxy_errors import UnsuitableNetworkError


def last_features(network: nn.Module, batch: Batch) -> torch.Tensor:
    """The last output of a layer or activation before the last layer with weights.

    For a convolutional network that is the feature map before global pooling.

    Args:
        network: May be changed.
        batch: Its inputs are the network's.

    Raises:
        UnsuitableNetworkError: The network has no such features.
    """
    outputs: list[tuple[bool, torch.Tensor]] = []

    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.is_floating_point():
            has_weights = next(module.parameters(), None) is not None
            outputs.append((has_weights, output))

    handles = [
        module.register_forward_hook(keep) for module in network.modules() if _is_layer(module)
    ]
    batch.call(network)
    for handle in handles:
        handle.remove()
    weighted = [place for place, (has_weights, _) in enumerate(outputs) if has_weights]
    if not weighted or weighted[-1] == 0:
        raise UnsuitableNetworkError("the network has no layer before its last one with weights")
    return outputs[weighted[-1] - 1][1]


def _is_layer(module: nn.Module) -> bool:
    """Whether a module is a layer with weights or an activation, and not made of others."""
    if any(True for _ in module.children()):
        return False
    is_activation = type(module).__module__ == activation.__name__
    return is_activation or next(module.parameters(), None) is not None
