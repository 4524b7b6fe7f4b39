"""Several tasks in one network: what they share, and what each returns."""

import pytest
import torch

from ray_nas.spaces import MultiTaskSpace

SPACE = MultiTaskSpace((1, 8, 8), {"digit": 10, "parity": 2}, widths=[4], depth=3)


def network(**shared: int) -> torch.nn.Module:
    return SPACE.build(SPACE.complete({f"{task}.shared": count for task, count in shared.items()}))


@pytest.mark.parametrize(("digit", "parity", "trunk"), [(0, 0, 0), (3, 3, 3), (1, 3, 3), (2, 1, 2)])
def test_the_trunk_is_as_long_as_the_longest_share(digit: int, parity: int, trunk: int) -> None:
    built = network(digit=digit, parity=parity)
    assert len(built.trunk) == trunk
    assert [len(branch) for branch in built.branches.values()] == [3 - digit, 3 - parity]


def test_a_tasks_loss_trains_what_it_uses_alone() -> None:
    built = network(digit=1, parity=2)
    outputs = built(torch.rand(4, 1, 8, 8))
    assert {task: tuple(values.shape) for task, values in outputs.items()} == {
        "digit": (4, 10),
        "parity": (4, 2),
    }
    outputs["digit"].sum().backward()
    used = [any(p.grad is not None for p in block.parameters()) for block in built.trunk]
    assert used == [True, False]
    assert all(p.grad is None for p in built.branches["parity"].parameters())


def test_the_baseline_shares_everything() -> None:
    assert (SPACE.baseline["digit.shared"], SPACE.baseline["parity.shared"]) == (3, 3)


def test_one_task_is_refused() -> None:
    with pytest.raises(ValueError, match="tasks must be two or more, got \\['digit'\\]"):
        MultiTaskSpace((1, 8, 8), {"digit": 10})
