"""Programs take batches of any size, also for networks of several or of variable arguments."""

import pytest
import torch
from torch import nn

from ray_nas.export.export_program import export_program


class Several(nn.Module):
    def forward(self, *parts: torch.Tensor) -> torch.Tensor:
        return sum(parts, torch.zeros(1))


@pytest.mark.parametrize("rows", [1, 3])
def test_a_program_takes_any_batch(rows: int) -> None:
    program = export_program(Several(), (torch.ones(rows, 2), torch.ones(rows, 2)))
    found = program.module()(torch.ones(5, 2), torch.ones(5, 2))
    assert torch.equal(found, torch.full((5, 2), 2.0))
