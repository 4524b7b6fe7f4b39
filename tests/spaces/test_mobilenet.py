"""The macro space of inverted residual blocks."""

import torch

from ray_nas.spaces import MobileNetSpace

V2 = {0: (2, 24), 1: (3, 32), 2: (4, 64), 3: (3, 96), 4: (3, 160), 5: (1, 320)}
"""MobileNetV2's depth and width of each stage after the first (table 2 of the paper)."""


def test_contains_mobilenet_v2() -> None:
    space = MobileNetSpace()
    config = {}
    for stage, (depth, _) in V2.items():
        if stage < 5:
            config[f"stage_{stage}.depth"] = depth
        for block in range(depth):
            config |= {
                f"stage_{stage}.block_{block}.{name}": v
                for name, v in (("kernel", 3), ("expansion", 6), ("squeeze", False))
            }
    with torch.device("meta"):
        network = space.build(config)
        assert network(torch.rand(2, 3, 224, 224)).shape == (2, 1000)
        assert network.stages(network.stem(torch.rand(2, 3, 224, 224))).shape == (2, 320, 7, 7)
    assert sum(p.numel() for p in network.parameters()) == 3_504_872


def test_size() -> None:
    per_block = 3 * 3 * 2
    assert MobileNetSpace().size == sum(per_block**depth for depth in range(1, 5)) ** 5 * per_block
