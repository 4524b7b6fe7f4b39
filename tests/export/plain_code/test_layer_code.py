"""Constructor calls make equal layers, also where `repr` does not say all."""

import pytest
import torch
from torch import nn

from ray_nas.export.plain_code.layer_code import layer_call


@pytest.mark.parametrize(
    "code",
    [
        "nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)",
        "nn.Conv2d(3, 8, (3, 5), padding=(1, 2), bias=False, padding_mode='circular')",
        "nn.ConvTranspose1d(2, 4, 3, output_padding=1, stride=2)",
        "nn.BatchNorm2d(8, momentum=None, affine=False)",
        "nn.LayerNorm((8, 4), bias=False)",
        "nn.LSTM(4, 6, num_layers=2, dropout=0.1, bidirectional=True, proj_size=2)",
        "nn.GRU(4, 6, bias=False, batch_first=True)",
        "nn.MultiheadAttention(8, 2, bias=False, batch_first=True)",
        "nn.Embedding(9, 4, padding_idx=0)",
        "nn.Linear(3, 2, dtype=torch.float64)",
        "nn.Sequential(nn.Flatten(), nn.Sequential(nn.PReLU(init=0.1)))",
        "nn.Upsample(scale_factor=2.0, mode='bilinear', align_corners=True)",
        "nn.Hardtanh(min_val=float('-inf'))",
    ],
)
def test_the_call_makes_an_equal_layer(code: str) -> None:
    names = {"nn": nn, "torch": torch}
    layer = eval(code, names)
    call = layer_call(layer)
    assert call is not None
    made = eval(call.source(), names)
    assert repr(made) == repr(layer)
    shapes = {name: (one.shape, one.dtype) for name, one in layer.state_dict().items()}
    assert {name: (one.shape, one.dtype) for name, one in made.state_dict().items()} == shapes
    assert getattr(made, "count_include_pad", None) == getattr(layer, "count_include_pad", None)


def test_layers_without_such_a_call_have_none() -> None:
    class Own(nn.Linear):
        pass

    hooked = nn.Linear(2, 2)
    hooked.register_forward_hook(lambda layer, inputs, output: output + 1)
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    encoder = nn.TransformerEncoderLayer(8, 2)
    assert [layer_call(one) for one in (Own(2, 2), hooked, normed, encoder)] == [None] * 4


def test_long_calls_take_a_line_for_each_argument() -> None:
    call = layer_call(nn.Sequential(*(nn.Conv2d(8, 8, 3, padding=1) for _ in range(4))))
    assert call is not None
    assert call.source(1).splitlines()[1] == "        nn.Conv2d(8, 8, 3, padding=1),"
