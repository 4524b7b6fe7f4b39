"""Metrics of a network on data."""

import math

import pytest
import torch
from torch import nn

from ray_nas.trials.metrics import calibrated_loss, evaluate

CPU = torch.device("cpu")


def test_temperature_takes_out_how_sure_a_network_is():
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(2000, 5, generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[
        :, 0
    ]  # so that a temperature of 1 is the best
    alone = nn.functional.cross_entropy(logits, labels).item()
    for factor in (0.2, 1.0, 5.0):
        assert calibrated_loss(factor * logits, labels) == pytest.approx(alone, rel=0.01)
    assert nn.functional.cross_entropy(5 * logits, labels).item() > 1.5 * alone


def test_what_is_not_finite_has_no_calibrated_loss():
    assert math.isnan(calibrated_loss(torch.tensor([[0.0, math.inf]]), torch.tensor([0])))


def test_only_one_class_an_input_is_calibrated():
    inputs = torch.randn(6, 3, 4, generator=torch.Generator().manual_seed(0))
    dense = evaluate(
        nn.Identity(),
        (inputs, torch.zeros(6, 4, dtype=torch.int64)),
        nn.functional.cross_entropy,
        CPU,
    )
    assert set(dense) == {"loss", "accuracy"}
    flat = evaluate(nn.Flatten(), (inputs, torch.arange(6)), nn.functional.cross_entropy, CPU)
    assert set(flat) == {"loss", "accuracy", "calibrated_loss"}
    assert flat["calibrated_loss"] <= flat["loss"]
    real = evaluate(nn.Flatten(), (inputs, torch.zeros(6, 12)), nn.functional.mse_loss, CPU)
    assert set(real) == {"loss"}
