"""Cells of a stage are aligned with the cells of that stage in a deeper network."""

from torch import nn

from ray_nas.export.layer_alignment import align_layers
from ray_nas.spaces import NASBench201


def test_stages_are_aligned_and_further_cells_copy_the_last() -> None:
    config = NASBench201().sample(random_state=0)
    old, new = (NASBench201(2, cells).build(config) for cells in (1, 3))
    pairs = align_layers(old.layers, new.layers)
    assert [pair for pair in pairs if pair[1].isdigit()] == [
        *(("0", "0"), ("1", "1")),
        *(("2", "2"), ("2", "3"), ("2", "4"), ("3", "5")),
        *(("4", "6"), ("4", "7"), ("4", "8"), ("5", "9")),
        *(("6", "10"), ("6", "11"), ("6", "12"), ("7", "13"), ("8", "14")),
    ]


def test_parts_of_another_type_have_no_counterpart() -> None:
    old = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Tanh()})
    new = nn.ModuleDict({"a": nn.Linear(2, 4), "b": nn.ReLU(), "c": nn.Linear(2, 2)})
    assert align_layers(old, new) == [("", ""), ("a", "a")]
