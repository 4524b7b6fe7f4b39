"""Inputs of every form, and parts of a batch."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from ray_nas.estimators.proxies.core.batches import check_batch, first_float_tensor


class Sum(nn.Module):
    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return left + 2 * right


def _named(pair: tuple[torch.Tensor, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {"left": pair[0], "right": pair[1]}


@pytest.mark.parametrize("form", [tuple, list, _named])
def test_several_inputs_are_arguments(form: object) -> None:
    batch = check_batch((form((torch.ones(4, 2), torch.ones(4, 1))), None))
    assert batch.size == 4
    assert batch.call(Sum()).tolist() == [[3, 3]] * 4
    assert batch.map_floats(lambda tensor: 2 * tensor).call(Sum())[0, 0] == 6


def test_parts_keep_labels_beside_their_inputs() -> None:
    batch = check_batch((torch.arange(5.0)[:, None], torch.arange(5)))
    first, last = batch.first(2), batch.last(2)
    assert (first.labels.tolist(), first.inputs.flatten().tolist()) == ([0, 1], [0, 1])
    assert (last.labels.tolist(), last.inputs.flatten().tolist()) == ([3, 4], [3, 4])


def test_integers_are_no_float_tensors() -> None:
    batch = check_batch(({"tokens": torch.ones(2, 3).long(), "scores": torch.ones(2)}, None))
    assert len(batch.tensors) == 2
    assert [tensor.dim() for tensor in batch.float_tensors] == [1]


def test_the_first_floating_point_output_counts() -> None:
    logits = torch.ones(2)
    for outputs in (
        logits,
        (torch.ones(2).long(), [logits]),
        OrderedDict(loss=None, logits=logits),
    ):
        assert first_float_tensor(outputs) is logits
    with pytest.raises(TypeError, match="returned no floating-point tensor but NoneType"):
        first_float_tensor(None)
