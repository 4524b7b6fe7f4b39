"""Identity weights for layers of the user."""

import pytest
import torch
from torch import nn

from ray_nas.sharing import copy_weights, register_identity
from ray_nas.sharing.inheritance import identity_rules

torch.set_num_threads(1)


def vectors() -> torch.Tensor:
    return torch.randn(32, 6, generator=torch.Generator().manual_seed(0))


class Offset(nn.Module):
    """A layer of the user's own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.tanh() + self.offset


def test_layers_of_the_users_own_can_take_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity_rules, "_rules", dict(identity_rules._rules))
    old, new = nn.Sequential(nn.Linear(6, 6)), nn.Sequential(nn.Linear(6, 6), Offset(6))
    assert copy_weights(old, new, vectors()).kind == "partial"
    assert torch.equal(new[1].offset, torch.ones(6)), "what does not help is taken back"

    def pass_on(layer: nn.Module, inputs: torch.Tensor) -> None:
        layer.offset.copy_((inputs - inputs.tanh())[0])

    register_identity(Offset, pass_on)
    assert copy_weights(old, new, vectors()[:1]).kind == "preserved"
    with pytest.raises(TypeError, match=r"layer must be a subclass of nn\.Module, got 3"):
        register_identity(3, pass_on)  # type: ignore[arg-type]
