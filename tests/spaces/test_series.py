"""Networks of 1-D convolutions: their blocks, lengths and baseline."""

import pytest
import torch
from torch import nn

from ray_nas.spaces import SeriesSpace

KINDS = ["inception", "lite", "residual", "depthwise"]
SPACE = SeriesSpace((2, 50), 3, widths=[8], max_blocks=2)


def convolutions(network: nn.Module) -> list[nn.Conv1d]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv1d)]


def test_the_baseline_is_inception_time() -> None:
    space = SeriesSpace((1, 128), 2)
    network = space.build(space.baseline)
    kernels = [layer.kernel_size[0] for layer in convolutions(network)]
    assert [kernels.count(size) for size in (39, 19, 9)] == [6, 6, 6]
    assert network.head.in_features == 128


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stride", [1, 2])
def test_blocks_keep_the_length_or_halve_it(kind: str, stride: int) -> None:
    block = {"block_0.kind": kind, "block_0.stride": stride, "block_0.dilation": 2}
    network = SPACE.build(SPACE.complete({**block, "depth": 1}))
    assert network.blocks(torch.rand(4, 2, 50)).shape == (4, 8, 50 // stride)


@pytest.mark.parametrize("kind", KINDS)
def test_kernel_and_dilation_widen_the_receptive_field(kind: str) -> None:
    def field(**values: int) -> int:
        """How far apart places are that change the middle of the output."""
        config = {f"block_0.{name}": value for name, value in values.items()}
        network = SPACE.build(SPACE.complete({**config, "block_0.kind": kind, "depth": 1})).eval()
        series = torch.randn(64, 2, 50, requires_grad=True)
        network.blocks(series)[:, :, 25].sum().backward()
        places = series.grad.abs().sum((0, 1)).nonzero()
        return int(places.max() - places.min())

    assert field(kernel=9, dilation=1) < field(kernel=19, dilation=1)
    assert field(kernel=9, dilation=1) < field(kernel=9, dilation=2)


@pytest.mark.parametrize(("pooling", "entries"), [("mean", 8), ("max", 8), ("both", 16)])
def test_the_end_is_pooled(pooling: str, entries: int) -> None:
    network = SPACE.build(SPACE.complete({"pooling": pooling}))
    assert network.head.in_features == entries
    assert network(torch.rand(4, 2, 50)).shape == (4, 3)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="widths must be multiples of 4, got 6"):
        SeriesSpace((1, 10), 2, widths=[6])
    with pytest.raises(ValueError, match="kernels must be odd numbers >= 5, got 8"):
        SeriesSpace((1, 10), 2, kernels=[8])
