"""Encodings of plain config dicts."""

import pytest

from ray_nas.estimators.curves import config_encoder


def test_encoder_of_plain_configs():
    encode = config_encoder(
        [
            {"op": "conv", "lr": 0.1, "arch": {"depth": 2}},
            {"op": "pool", "lr": 0.3, "arch": {"depth": 4}},
        ]
    )
    assert encode({"op": "pool", "lr": 0.2, "arch": {"depth": 4}}).tolist() == pytest.approx(
        [0, 1, 1, 0.5]
    )
    assert encode({"op": "unknown", "arch.depth": 2}).tolist() == [0, 0, 0, 0]
