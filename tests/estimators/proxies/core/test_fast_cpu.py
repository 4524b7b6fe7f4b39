"""The faster layout and pooling change nothing but rounding."""

import pytest
import torch
from networks_to_score import conv_net, images
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.fast_cpu import fast_cpu


@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(3, 1, 1), (2, None, 0), ((3, 2), (2, 1), (1, 0)), (5, 3, 2)],
)
def test_pooling_and_its_gradient_are_the_same(
    kernel: object, stride: object, padding: object, count_include_pad: bool
) -> None:
    pool = nn.AvgPool2d(kernel, stride, padding, count_include_pad=count_include_pad)
    batch = Batch(torch.randn(2, 3, 9, 8, requires_grad=True), None)
    expected = pool(batch.inputs)
    signs = torch.randn_like(expected)
    (gradient,) = torch.autograd.grad(expected, batch.inputs, signs)
    with fast_cpu(pool, batch) as fast:
        outputs = pool(fast.inputs)
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(
        torch.autograd.grad(outputs, batch.inputs, signs)[0], gradient, check_stride=False
    )


@pytest.mark.parametrize(
    "pool", [nn.AvgPool2d(2, ceil_mode=True), nn.AvgPool2d(2, divisor_override=3)]
)
def test_other_pooling_is_torchs_own(pool: nn.Module) -> None:
    batch = Batch(torch.randn(2, 3, 9, 9), None)
    with fast_cpu(pool, batch) as fast:
        torch.testing.assert_close(pool(fast.inputs), pool(batch.inputs), check_stride=False)


def test_a_network_computes_the_same() -> None:
    network, (inputs, _) = conv_net().eval(), images()
    expected = network(inputs)
    with fast_cpu(network, Batch(inputs, None)) as fast:
        torch.testing.assert_close(fast.call(network), expected)


def test_what_are_no_images_stays_as_it_is() -> None:
    batch = Batch(torch.ones(2, 3), None)
    with fast_cpu(nn.Linear(3, 2), batch) as same:
        assert same is batch
