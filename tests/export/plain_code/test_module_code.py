"""Written modules have the network's tensors under its names, and compute the same."""

import pytest
import torch
from torch import fx, nn

from ray_nas.export.export_error import ExportError
from ray_nas.export.plain_code.module_code import module_source
from ray_nas.export.plain_code.traced_network import TracedNetwork, trace_layers, trace_operations


def rebuilt(traced: TracedNetwork) -> nn.Module:
    names: dict[str, object] = {}
    exec(compile(module_source(traced, "A test."), "model.py", "exec"), names)
    network = names["load"].__annotations__["return"]()  # type: ignore[attr-defined]
    network.load_state_dict(traced.tensors())
    return network.eval()


class Odd(nn.Module):
    """Names that are no identifiers or methods of containers, tied weights, a layer used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.by_name = nn.ModuleDict({"3x3": nn.Linear(4, 4), "keys_": nn.Tanh()})
        self.values = nn.ModuleList([nn.Linear(4, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 4))])
        self.tied = nn.Linear(4, 4, bias=False)
        self.tied.weight = self.values[0].weight
        self.again = self.values[1]
        self.unused = None
        self.factors = nn.ParameterList([torch.rand(4), torch.rand(4)])

    def forward(self, x: torch.Tensor, *, scale: float = 2.0) -> torch.Tensor:
        x = self.by_name["keys_"](self.by_name["3x3"](x)) * self.factors[1]
        return self.again(self.tied(self.values[1](self.values[0](x)))) * scale


def test_odd_names_and_tied_weights_survive() -> None:
    network, inputs = Odd().eval(), torch.rand(3, 4)
    for traced in (trace_layers(network), trace_operations(network, (inputs,))):
        made = rebuilt(traced)
        assert torch.equal(made(inputs), network(inputs)), traced.by
        assert set(network.state_dict()) <= set(made.state_dict())
    made = rebuilt(trace_layers(network))
    assert made.tied.weight is made.values[0].weight


@fx.wrap
def hidden(x: torch.Tensor) -> torch.Tensor:
    return x + 1


class Wrapped(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return hidden(x)


def test_functions_that_are_not_of_torch_are_refused() -> None:
    with pytest.raises(ExportError, match=r"forward calls .*hidden, which is no function of torch"):
        module_source(trace_layers(Wrapped()), "A test.")
