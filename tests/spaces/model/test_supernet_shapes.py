"""The largest shape of each tensor, and tensors of that shape."""

import torch
from torch import nn

from ray_nas.spaces import ModelSpace, Repeat, ValueChoice
from ray_nas.spaces.model.supernet_shapes import direct_tensors, find_shapes, largest_tensors


class Net(nn.Sequential):
    """Hidden units grow with the width and fall with the ratio."""

    def __init__(self) -> None:
        hidden = ValueChoice("width", [8, 16]) // ValueChoice("ratio", [1, 2, 4])
        super().__init__(nn.Linear(3, hidden), nn.BatchNorm1d(hidden), Repeat("depth", 0, 2, block))


def block(index: int) -> nn.Module:
    return nn.Linear(2, ValueChoice(f"units_{index}", [4, 2]))


def test_sizes_that_grow_or_fall_with_a_value_are_found() -> None:
    layers, probes = find_shapes(ModelSpace(Net))
    assert layers["0"].shapes == {"weight": torch.Size([16, 3]), "bias": torch.Size([16])}
    assert layers["2.0"].shapes["weight"] == layers["2.1"].shapes["weight"] == torch.Size([4, 2])
    assert probes[0] == {"ratio": 1}, "the smallest value of the choice with which a size falls"
    assert {} in probes


def test_every_name_has_one_tensor_of_the_largest_shape() -> None:
    space = ModelSpace(Net)
    layers, probes = find_shapes(space)
    made = {name: (tensor, kept) for name, tensor, kept in largest_tensors(space, layers, probes)}
    assert {
        name: tuple(tensor.shape) for name, (tensor, _) in made.items() if "0." in name[:2]
    } == {
        "0.weight": (16, 3),
        "0.bias": (16,),
    }
    assert made["1.running_var"][0].tolist() == [1.0] * 16
    assert all(kept for _, kept in made.values())
    assert made.keys() == space.supernet().state_dict().keys()


def test_new_entries_are_drawn_from_those_that_the_layer_initialised() -> None:
    def factory() -> nn.Module:
        first = ValueChoice("first", {"wide": 4, "narrow": 2})
        second = ValueChoice("second", {"wide": 4, "narrow": 2})
        return nn.Linear(first, second)

    space = ModelSpace(factory)
    layers, probes = find_shapes(space)
    tensors = {name: tensor for name, tensor, _ in largest_tensors(space, layers, probes)}
    weight = tensors["weight"]
    assert weight.shape == (4, 4)
    assert isinstance(weight, nn.Parameter)
    assert len(set(weight.flatten().tolist())) < weight.numel()
    assert (weight.abs() > 0).all()


def test_direct_tensors_leave_out_children_and_mark_what_is_not_saved() -> None:
    layer = nn.Sequential(nn.Linear(1, 1))
    layer.register_buffer("kept", torch.zeros(1))
    layer.register_buffer("scratch", torch.zeros(1), persistent=False)
    assert [(name, kept) for name, _, kept in direct_tensors(layer)] == [
        ("kept", True),
        ("scratch", False),
    ]
