"""A network as a chain of blocks, and the features between them."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch

_CHAINS = (nn.Sequential, nn.ModuleList)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def find_blocks(network: nn.Module) -> list[nn.Module]:
    """The modules of a network's chain, such as the cells of a cell-based network.

    Chains (`nn.Sequential`, `nn.ModuleList`) within chains are joined. Where some modules of the
    chain are composite, only these count; else all with parameters do.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1))
        >>> len(find_blocks(network))
        2
    """
    links = [link for link in _links(network) if next(link.parameters(), None) is not None]
    composite = [link for link in links if any(True for _ in link.children())]
    return composite if len(composite) > 1 else links


def _links(module: nn.Module, is_root: bool = True) -> Iterator[nn.Module]:
    children = list(module.children())
    if children and (is_root or isinstance(module, _CHAINS)):
        # The chain may lie deeper, as in a network inside another.
        is_wrapper = len(children) == 1
        for child in children:
            yield from _links(child, is_root=is_root and is_wrapper)
    else:
        yield module


def block_features(network: nn.Module, batch: Batch) -> list[torch.Tensor]:
    """What goes into the first block and comes out of each, in the order in which they run.

    Features of fewer axes than the first ones are left out: they come after pooling.

    Args:
        network: May be changed.
        batch: Its inputs are the network's.

    Returns:
        Tensors of shape (examples, ...), each in autograd's graph of those before it.
    """
    features: list[torch.Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        if not isinstance(output, torch.Tensor) or not output.is_floating_point():
            return output
        if not features and inputs and isinstance(inputs[0], torch.Tensor):
            features.append(inputs[0])
        features.append(output)
        # A later layer may change its input in place.
        return output.clone()

    for block in find_blocks(network):
        block.register_forward_hook(keep)
    batch.call(network)
    axes = features[0].dim() if features else 0
    return [
        feature
        for feature in features
        if feature.dim() == axes and feature.is_floating_point() and len(feature) == batch.size
    ]


def feature_rows(network: nn.Module, features: torch.Tensor) -> torch.Tensor:
    """Features as rows of channels, shape (examples * places, channels).

    The channels are axis 1 in a network with convolutions, else the last axis.
    """
    if any(isinstance(module, _CONVOLUTIONS) for module in network.modules()):
        features = features.movedim(1, -1)
    return features.flatten(0, -2)
