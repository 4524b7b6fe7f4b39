"""FLOPs against torch's own counter and published numbers."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ray_nas.estimators.cost import profile
from ray_nas.spaces import DARTS, NASBench201


def test_flops_are_those_of_torchs_counter_for_one_input() -> None:
    model = DARTS().build(DARTS().sample(random_state=0))
    with FlopCounterMode(display=False) as counter:
        model.train()(torch.ones(2, 3, 32, 32))
    assert profile(model, (3, 32, 32), batch_size=2).flops * 2 == counter.get_total_flops()


def test_multiply_adds_of_convolutions_and_linear_layers_are_analytic() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.Conv2d(8, 8, 3, groups=8, stride=2, padding=1),
        nn.Flatten(),
        nn.Linear(128, 7),
    )
    expected = 8 * 8 * 8 * 3 * 9 + 8 * 4 * 4 * 9 + 128 * 7
    assert profile(model, (3, 8, 8), batch_size=5).multiply_adds == expected


@pytest.mark.parametrize(
    ("cell", "params", "multiply_adds"),
    [
        (
            "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
            129_306,
            17_958_592 - 1_290_240 - 2 * 430_080 - 160_832,
        ),
        (
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
            802_426,
            116_692_672 - 1_290_240 - 3 * 430_080 - 160_832,
        ),
    ],
)
def test_nasbench201_published_the_same(cell: str, params: int, multiply_adds: int) -> None:
    """The benchmark's FLOPs also count pooling, norms, ReLUs and a constant rest."""
    space = NASBench201()
    cost = profile(space.build(space.from_arch_str(cell)), (3, 32, 32))
    assert (cost.params, cost.multiply_adds) == (params, multiply_adds)
