"""Batch-norm statistics of one network, and what is said about a batch of one example."""

import pytest
import torch
from torch import nn

from ray_nas.trials.batch_norm import batch_norm_errors, recompute_batch_norm


def test_statistics_are_plain_means_over_the_batches() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3, momentum=0.3))
    batches = [(torch.randn(8, 2), torch.zeros(8)) for _ in range(3)]
    network[1].running_mean.fill_(7.0)
    recompute_batch_norm(network, batches)
    with torch.no_grad():
        means = torch.stack([network[0](inputs).mean(0) for inputs, _ in batches])
    assert torch.allclose(network[1].running_mean, means.mean(0), atol=1e-6)
    assert network[1].momentum == 0.3, "the momentum is restored"
    assert network.training


def test_networks_without_batch_norm_stay_as_they_are() -> None:
    network = nn.Linear(2, 2).eval()
    recompute_batch_norm(network, [(torch.randn(2, 2), torch.zeros(2))])
    assert not network.training


def test_one_example_is_explained_and_other_errors_are_not_changed() -> None:
    with pytest.raises(ValueError, match="the data must have at least 2 rows"):
        recompute_batch_norm(nn.BatchNorm1d(2), [(torch.ones(1, 2), torch.zeros(1))])
    with pytest.raises(ValueError, match="other"), batch_norm_errors(torch.zeros(1)):
        raise ValueError("other")
