"""FLOPs for one example."""

import pytest
import torch
from networks_to_score import conv_net, images
from scoring import score
from torch import nn

from ray_nas.estimators.cost import profile


@pytest.mark.parametrize("examples", [1, 2, 8])
def test_they_are_what_profile_counts_for_every_batch(examples: int) -> None:
    expected = profile(conv_net(), (3, 8, 8)).flops
    assert score(conv_net(), "flops", images(examples)) == expected


def test_attention_counts() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    projections = 2 * (3 * 8 * 8 + 8 * 8 + 2 * 8 * 16) * 5
    attention = 2 * 2 * 5 * 5 * 8
    assert score(layer, "flops", (torch.ones(2, 5, 8), None)) == projections + attention
