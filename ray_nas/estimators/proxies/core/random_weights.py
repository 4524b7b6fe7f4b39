"""Fresh weights from a generator of one's own."""

import math

import torch
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.weight_layers import NORMS


def draw_weights(network: nn.Module, rng: torch.Generator, kaiming: bool) -> None:
    """Draws the weights of all layers from a normal distribution of mean 0.

    Biases become 0; normalisation gets scale 1 and shift 0.

    Args:
        network: Changed in place.
        rng: A generator on the CPU.
        kaiming: Whether the variance is 2 / fan-in (He et al., 2015,
            https://arxiv.org/abs/1502.01852); otherwise it is 1.
    """
    for module in network.modules():
        is_norm = isinstance(module, NORMS)
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.dim() > 1 and not is_norm:
                fan_in = parameter.numel() / max(len(parameter), 1)
                scale = math.sqrt(2 / fan_in) if kaiming else 1.0
                values = torch.randn(parameter.shape, generator=rng) * scale
            else:
                values = torch.full(parameter.shape, float(is_norm and name == "weight"))
            parameter.data.copy_(values)


def gaussian_inputs(batch: Batch, rng: torch.Generator) -> Batch:
    """The batch with standard normal numbers in place of its floating-point inputs."""
    return batch.map_floats(
        lambda tensor: torch.randn(tensor.shape, generator=rng, dtype=tensor.dtype).to(tensor)
    )
