"""How alphas become weights."""

import pytest
import torch
from torch import nn

from ray_nas.sharing.differentiable.relaxations import RELAXATIONS, beta_loss

torch.set_num_threads(1)

ALPHA = torch.tensor([0.0, 1.0, -1.0, 0.5])


def test_gdas_draws_one_by_the_alphas_and_has_the_soft_gradient() -> None:
    torch.manual_seed(0)
    draws = torch.stack([RELAXATIONS["gdas"](ALPHA, 0.5) for _ in range(4000)])
    assert torch.allclose(
        draws.sort(1).values, torch.tensor([0.0, 0.0, 0.0, 1.0]).expand_as(draws), atol=1e-6
    )
    assert torch.allclose(draws.mean(0), ALPHA.softmax(0), atol=0.03)
    assert (draws[draws < 0.5] == 0).all(), "exactly, so that nothing is run for it"
    alpha = ALPHA.clone().requires_grad_()
    gradient = torch.autograd.grad(RELAXATIONS["gdas"](alpha, 0.0)[1], alpha)[0]
    assert gradient[1] > 0
    assert float(gradient.sum()) == pytest.approx(0, abs=1e-6)


def test_drnas_draws_from_the_dirichlet_distribution() -> None:
    torch.manual_seed(0)
    draws = torch.stack([RELAXATIONS["drnas"](ALPHA, 0.0) for _ in range(4000)])
    concentration = nn.functional.elu(ALPHA) + 1
    assert torch.allclose(draws.sum(1), torch.ones(4000), atol=1e-5)
    assert torch.allclose(draws.mean(0), concentration / concentration.sum(), atol=0.02)
    variance = draws.var(0)
    mean, total = concentration / concentration.sum(), concentration.sum()
    assert torch.allclose(variance, mean * (1 - mean) / (total + 1), atol=0.02)
    alpha = torch.full((4,), -50.0).requires_grad_()
    assert torch.isfinite(torch.autograd.grad(RELAXATIONS["drnas"](alpha, 0.0)[0], alpha)[0]).all()


def test_beta_decay_pulls_the_largest_most() -> None:
    alpha = ALPHA.clone().requires_grad_()
    gradient = torch.autograd.grad(beta_loss([alpha]), alpha)[0]
    assert torch.allclose(gradient, ALPHA.softmax(0))
