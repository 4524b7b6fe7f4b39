"""Tracing keeps layers of torch, leaves the network alone, and takes torch.export where it must."""

import torch
from torch import nn

from ray_nas.export.plain_code.traced_network import trace_layers, trace_operations


class Marked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.mark = torch.ones(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x) + self.mark + torch.tensor([1.0, 2.0])


def test_layers_are_calls_and_constants_are_tensors() -> None:
    network = Marked().eval()
    before = dict(vars(network))
    traced = trace_layers(network)
    assert [str(node.target) for node in traced.graph.nodes if node.op == "call_module"] == [
        "layers"
    ]
    names = set(traced.tensors())
    assert {"layers.0.weight", "layers.0.bias", "mark"} < names
    assert len(names) == 4
    assert vars(network).keys() == before.keys(), "tracing works on a copy"


def test_operations_return_the_tensor_itself() -> None:
    traced = trace_operations(Marked(), (torch.rand(1, 2),))
    assert not any(node.op == "call_module" for node in traced.graph.nodes)
    module = torch.fx.GraphModule(traced.root, traced.graph)
    assert module(torch.rand(5, 2)).shape == (5, 2)
