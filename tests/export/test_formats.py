"""Networks of every ready-made space and of users, in each format, run without ray_nas."""

from pathlib import Path

import pytest
import torch
from ready_made import READY_MADE
from torch import nn

from ray_nas.export import ExportError
from ray_nas.export.formats import WRITERS, model_path, write_network
from ray_nas.export.separate_process import (
    ExportedFile,
    largest_difference,
    outputs_alone,
    outputs_here,
)
from ray_nas.spaces import LayerChoice, ModelSpace


class Shaped(nn.Module):
    """Code that depends on its input's shape, tensors of several kinds, and an in-place layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = LayerChoice("layer", [nn.Linear(9, 9), nn.ReLU(inplace=True)])
        self.scale = nn.Parameter(torch.rand(9))
        self.register_buffer("shift", torch.rand(9), persistent=False)
        self.constant = torch.rand(9)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
        if x.shape[-1] > 8:
            x = x * self.scale + self.shift
        return {"sum": self.layer(x + y) + self.constant, "product": x * y}


class Undecided(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([LayerChoice("layer", [nn.Linear(4, 4)]), Gate()])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for part in self.parts:
            x = part(x)
        return x


class Gate(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


def networks() -> dict[str, tuple[nn.Module, tuple[torch.Tensor, ...]]]:
    found: dict[str, tuple[nn.Module, tuple[torch.Tensor, ...]]] = {}
    for name, (make, make_inputs) in READY_MADE.items():
        space = make()
        network, inputs = space.build(space.sample(random_state=0)), (make_inputs(),)
        network.train()(*inputs)  # batch-norm statistics
        found[name] = network.eval(), inputs
    pair = torch.rand(3, 9), torch.rand(3, 9)
    found["shaped"] = ModelSpace(Shaped).build({"layer": 0}).eval(), pair
    return found


def test_all_networks_compute_the_same_without_ray_nas(tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = networks()
    everywhere = ("shaped",)  # ONNX takes seconds each; benchmarks/export.py has all
    files = []
    for name, (network, inputs) in made.items():
        for format in WRITERS if name in everywhere else ("state_dict",):
            path = tmp_path / f"{name}.{format}"
            write_network(format, network, inputs, path)
            model = model_path(path) if format == "state_dict" else None
            single = tuple(one[:1] for one in inputs)
            files.append(ExportedFile(format, path, [inputs, single], model))
    assert "Do not train it." in (tmp_path / "shaped_model.py").read_text()
    assert "Do not train it." not in (tmp_path / "darts_model.py").read_text()
    for file, outputs in zip(files, outputs_alone(files), strict=True):
        network, _ = made[file.path.stem]
        assert not isinstance(outputs, str), (file.path.name, outputs)
        assert largest_difference(outputs_here(network, file.inputs), outputs) <= 1e-5


def test_the_module_keeps_the_names_of_the_weights(tmp_path: Path) -> None:
    network, inputs = networks()["darts"]
    write_network("state_dict", network, inputs, tmp_path / "cell 1.pt")
    assert (tmp_path / "cell_1_model.py").exists()
    saved = torch.load(tmp_path / "cell 1.pt", weights_only=True)
    assert saved.keys() == network.state_dict().keys()
    assert "ray_nas import" not in (tmp_path / "cell_1_model.py").read_text()


@pytest.mark.parametrize("format", ["state_dict", "torch_export"])
def test_the_layer_that_cannot_be_exported_is_named(format: str, tmp_path: Path) -> None:
    network = ModelSpace(Undecided).build({"layer": 0})
    message = rf"{format}: layer 'parts\.1' \(Gate\) cannot be exported: its .* on the values"
    with pytest.raises(ExportError, match=message):
        write_network(format, network, (torch.rand(2, 4),), tmp_path / "file")
