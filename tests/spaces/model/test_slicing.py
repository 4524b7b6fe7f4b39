"""Parts of the largest tensors that smaller layers use."""

import pytest
import torch
from torch import nn

from ray_nas.spaces.model.slicing import centred, leading, register_slicing, slicing_of, stacked


def test_leading_entries_and_centred_kernels_are_views() -> None:
    full = torch.arange(4 * 2 * 5 * 5.0).reshape(4, 2, 5, 5)
    shape = torch.Size([3, 2, 3, 3])
    for view, expected in (
        (leading, full[:3, :, :3, :3]),
        (centred, full[:3, :, 1:4, 1:4]),
    ):
        part = view("weight", full, shape)
        assert torch.equal(part, expected)
        assert part.untyped_storage().data_ptr() == full.untyped_storage().data_ptr()


def test_stacked_matrices_are_cut_one_by_one() -> None:
    full = torch.arange(12.0).reshape(6, 2)
    view = stacked(3, ("in_proj",))
    part = view("in_proj_weight", full, torch.Size([3, 1]))
    assert part.flatten().tolist() == [0.0, 4.0, 8.0]
    assert view("out_proj", full, torch.Size([3, 1])).flatten().tolist() == [0.0, 2.0, 4.0]
    assert view("in_proj_weight", full, full.shape) is not None


def test_the_nearest_base_class_with_a_rule_counts() -> None:
    class MyLinear(nn.Linear):
        pass

    assert slicing_of(MyLinear) is slicing_of(nn.Linear) is not None
    assert slicing_of(nn.Module) is None
    with pytest.raises(TypeError, match=r"layer must be a subclass of nn\.Module"):
        register_slicing(MyLinear(1, 1), slicing_of(nn.Linear))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("layers", "same"),
    [
        ([nn.Conv2d(4, 4, 1), nn.Conv2d(8, 8, 1)], True),
        ([nn.Conv2d(4, 4, 1, groups=4), nn.Conv2d(8, 8, 1, groups=8)], True),
        ([nn.Conv2d(4, 4, 1, groups=2), nn.Conv2d(8, 8, 1, groups=2)], False),
        ([nn.MultiheadAttention(8, 2), nn.MultiheadAttention(16, 4)], True),
        ([nn.MultiheadAttention(8, 2), nn.MultiheadAttention(16, 2)], False),
        ([nn.LSTM(2, 4), nn.LSTM(2, 8)], True),
        ([nn.LSTM(2, 4, bidirectional=True), nn.LSTM(2, 8, bidirectional=True)], False),
    ],
    ids=lambda value: type(value[0]).__name__ if isinstance(value, list) else str(value),
)
def test_invariants_are_equal_where_slices_are_right(layers: list[nn.Module], same: bool) -> None:
    rule = slicing_of(type(layers[0]))
    assert rule is not None
    assert (rule.invariant(layers[0]) == rule.invariant(layers[1])) == same
