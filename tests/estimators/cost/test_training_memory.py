"""Memory of a training step against what torch holds when a network really runs."""

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from ray_nas.estimators.cost import profile
from ray_nas.spaces import (
    DARTS,
    ChainSpace,
    MLPSpace,
    MobileNetSpace,
    ModelSpace,
    NASBench201,
    TransformerSpace,
)

HeldByTorch = Callable[[nn.Module, torch.Tensor, Any], int]


SPACES: list[tuple[ModelSpace, tuple[int, ...]]] = [
    (NASBench201(), (3, 32, 32)),
    (MobileNetSpace(num_classes=10), (3, 64, 64)),
    (DARTS(), (3, 32, 32)),
    (ChainSpace(), (3, 32, 32)),
    (MLPSpace(16, 4), (16,)),
    (TransformerSpace(), (128,)),
]


@pytest.mark.parametrize(
    ("space", "shape"), SPACES, ids=[type(space).__name__ for space, _ in SPACES]
)
def test_peak_memory_is_what_torch_holds(
    space: ModelSpace, shape: tuple[int, ...], held_by_torch: HeldByTorch
) -> None:
    for seed in range(2):
        model = space.build(space.sample(random_state=seed))
        inputs = torch.ones(3, *shape, dtype=space.input_dtype)
        cost = profile(model, shape, batch_size=3, input_dtype=space.input_dtype)
        assert cost.peak_memory_bytes == pytest.approx(
            held_by_torch(model, inputs, torch.optim.AdamW), rel=0.01
        )


@pytest.mark.parametrize(
    "optimizer",
    [
        torch.optim.SGD,
        partial(torch.optim.SGD, momentum=0.9),
        partial(torch.optim.Adam, amsgrad=True),
        torch.optim.RMSprop,
    ],
)
def test_state_of_any_optimizer(optimizer: Any, held_by_torch: HeldByTorch) -> None:
    model = nn.Sequential(nn.Linear(300, 200), nn.ReLU(), nn.Linear(200, 300), nn.Linear(300, 200))
    cost = profile(model, (300,), batch_size=2, optimizer=optimizer)
    assert cost.peak_memory_bytes == pytest.approx(
        held_by_torch(model, torch.ones(2, 300), optimizer), rel=0.001
    )


def test_what_no_output_depends_on_is_let_go_and_checkpoints_keep_their_inputs(
    held_by_torch: HeldByTorch,
) -> None:
    class Net(nn.Module):
        def __init__(self, recomputed: bool, dead_end: bool) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Linear(256, 256),
                nn.Tanh(),
                nn.Linear(256, 256),
                nn.Tanh(),
                nn.Linear(256, 256),
                nn.Tanh(),
            )
            self.head = nn.Linear(256, 8)
            self.recomputed, self.dead_end = recomputed, dead_end

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.dead_end:
                self.body(x).relu()
            return self.head(
                checkpoint(self.body, x, use_reentrant=False) if self.recomputed else self.body(x)
            )

    costs = {}
    for recomputed, dead_end in product((False, True), repeat=2):
        model = Net(recomputed, dead_end)
        costs[recomputed, dead_end] = profile(model, (256,), batch_size=500)
        truth = held_by_torch(model, torch.ones(500, 256, requires_grad=True), torch.optim.AdamW)
        assert costs[recomputed, dead_end].peak_memory_bytes == pytest.approx(truth, rel=0.01)
    assert (
        costs[True, True].activation_bytes
        == costs[True, False].activation_bytes
        < costs[False, False].activation_bytes / 1.9
    )
    assert costs[False, True].activation_bytes == costs[False, False].activation_bytes


@pytest.mark.parametrize("all_of_it", [False, True])
def test_parameters_inside_of_reentrant_checkpoints_have_gradients_too(
    all_of_it: bool, held_by_torch: HeldByTorch
) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.head = nn.Linear(64, 128), nn.Linear(128, 8)
            self.body = nn.Sequential(
                nn.Linear(128, 512), nn.Tanh(), nn.Linear(512, 128), nn.Tanh()
            )
            self.frozen = nn.Linear(128, 128).requires_grad_(False)

        def inner(self, x: torch.Tensor) -> torch.Tensor:
            return self.frozen(self.body(x))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = checkpoint(self.inner, self.stem(x), use_reentrant=True)
            return checkpoint(self.head, x, use_reentrant=True) if all_of_it else self.head(x)

    model = Net()
    truth = held_by_torch(model, torch.ones(100, 64), torch.optim.AdamW)
    assert profile(model, (64,), batch_size=100).peak_memory_bytes == pytest.approx(truth, rel=0.01)


def test_outputs_whose_tensors_are_out_of_sight_are_refused() -> None:
    class Out:
        def __init__(self, logits: torch.Tensor) -> None:
            self.logits = logits

    class Net(nn.Linear):
        def forward(self, x: torch.Tensor) -> Out:
            return Out(super().forward(x))

    with pytest.raises(
        ValueError, match=r"model \(Net\) must return tensors, alone or in tuples, lists and dicts"
    ):
        profile(Net(3, 3), (3,))


def test_a_model_that_takes_gradients_itself_is_refused() -> None:
    class Net(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x.detach().requires_grad_()
            return torch.autograd.grad(x.exp().sum(), x)[0]

    with pytest.raises(ValueError, match="its forward pass computes a gradient"):
        profile(Net(), (3,))


def test_frozen_unreached_and_shared_parameters(held_by_torch: HeldByTorch) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.unused = nn.Linear(64, 64), nn.Linear(64, 64)
            self.second = nn.Linear(64, 64)
            self.second.weight = self.first.weight
            self.frozen = nn.Linear(64, 64).requires_grad_(False)
            self.scale = torch.ones(64)  # a plain tensor, no buffer

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.frozen(self.second(self.first(x) * self.scale).relu())

    model = Net()
    cost = profile(model, (64,), batch_size=2)
    assert cost.params == sum(parameter.numel() for parameter in model.parameters())
    assert cost.peak_memory_bytes == pytest.approx(
        held_by_torch(model, torch.ones(2, 64), torch.optim.AdamW), rel=0.01
    )
