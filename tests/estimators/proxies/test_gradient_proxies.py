"""Gradient norm, L2 norm, SNIP, GraSP and Fisher against plain backward passes."""

import math

import pytest
import torch
from networks_to_score import conv_net, images
from scoring import loss_of, score, weights_of
from torch import nn

from ray_nas.estimators.proxies import ProxyError


def gradients(network: nn.Module) -> list[torch.Tensor]:
    return list(torch.autograd.grad(loss_of(network, images()), weights_of(network)))


def close(name: str, expected: float, inplace: bool = False) -> bool:
    return math.isclose(score(conv_net(inplace), name, images()), expected, rel_tol=1e-3)


def test_l2_norm_adds_up_the_layers_norms() -> None:
    assert close("l2_norm", sum(float(weight.detach().norm()) for weight in weights_of(conv_net())))


def test_grad_norm_adds_up_the_gradients_norms() -> None:
    assert close("grad_norm", sum(float(gradient.norm()) for gradient in gradients(conv_net())))


def test_snip_adds_up_the_loss_of_removing_each_weight() -> None:
    network = conv_net()
    pairs = zip(weights_of(network), gradients(network), strict=True)
    assert close(
        "snip", sum(float((weight.detach() * gradient).abs().sum()) for weight, gradient in pairs)
    )


def test_grasp_is_the_change_of_the_gradients_norm_along_the_weights() -> None:
    """-w' H g is minus the derivative of g' g / 2 as all weights grow."""
    network = conv_net().double()
    inputs, labels = images()
    batch = (inputs.double(), labels)

    def half_square(scale: float) -> float:
        grown = conv_net().double()
        for weight, original in zip(weights_of(grown), weights_of(network), strict=True):
            weight.data = original.data * scale
        found = torch.autograd.grad(loss_of(grown, batch), weights_of(grown))
        return sum(float(gradient.square().sum()) for gradient in found) / 2

    slope = (half_square(1 + 1e-5) - half_square(1 - 1e-5)) / 2e-5
    assert math.isclose(score(network, "grasp", batch), -slope, rel_tol=1e-3)


@pytest.mark.parametrize("inplace", [False, True])
def test_fisher_counts_each_channel_once_for_each_of_its_weights(inplace: bool) -> None:
    network = conv_net()
    kept = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(lambda module, _, output: kept.append((module, output)))
    outputs = [output for _, output in kept]
    loss = loss_of(network, images())
    outputs = [output for _, output in kept]
    expected = 0.0
    for (module, output), gradient in zip(kept, torch.autograd.grad(loss, outputs), strict=True):
        products = (output * gradient).flatten(2).sum(2) if output.dim() > 2 else output * gradient
        channels = products.detach().square().mean(0) / 2
        expected += float(channels.sum()) * module.weight[0].numel()
    assert close("fisher", expected, inplace)


def test_fisher_needs_a_layer_that_runs() -> None:
    batch = (torch.randn(4, 2, 3), torch.randn(4, 2, 3))
    with pytest.raises(ProxyError, match=r"fisher cannot .* no convolution or linear layer runs"):
        score(nn.LayerNorm(3), "fisher", batch)


def test_grasp_says_where_there_is_no_curvature() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2, 2))

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.weight.sum() * 0 + inputs

    value = score(Sum(), "grasp", (torch.randn(4, 2), torch.tensor([0, 1, 0, 1])))
    assert value == 0


def test_grasp_of_attention_has_a_value() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    assert math.isfinite(score(layer, "grasp", (torch.randn(4, 5, 8), torch.randn(4, 5, 8))))
