"""Three levels of choices, and keys that see through what does not count."""

from typing import Any

import numpy as np
import torch

from ray_nas.spaces import HierarchicalSpace, NASBench201
from ray_nas.spaces.cells.cell_layers import EDGES

BEST = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
)
"""The cell of the highest validation accuracy on CIFAR-10 in NAS-Bench-201."""


def uniform(cell: dict[str, str], depth: int = 5, links: str = "chain") -> dict[str, Any]:
    """A network that uses one cell everywhere."""
    config: dict[str, Any] = {"widening": 2.0} | {f"cell_0.{name}": op for name, op in cell.items()}
    return config | {
        f"stage_{s}.{name}": value
        for s in range(3)
        for name, value in (("cell", "0"), ("depth", depth), ("links", links))
    }


def test_contains_the_networks_of_nasbench201() -> None:
    bench, space = NASBench201(), HierarchicalSpace()
    cell = bench.from_arch_str(BEST)
    with torch.device("meta"):
        networks = bench.build(cell), space.build(uniform(cell))
    counts = [sum(p.numel() for p in network.parameters()) for network in networks]
    assert counts[0] == counts[1]
    assert networks[1](torch.rand(2, 3, 32, 32, device="meta")).shape == (2, 10)


def test_size() -> None:
    stage = 3 * 5  # links and depth
    one_cell, both_cells = 6**6, 6**12  # all stages use one of the two cells, or both are used
    assert HierarchicalSpace().size == 2 * stage**3 * (2 * one_cell + 6 * both_cells)


def test_unused_cells_and_their_names_do_not_count() -> None:
    space = HierarchicalSpace()
    a = uniform(
        dict(
            zip(
                [f"edge_{i}_{j}" for i, j in EDGES],
                ["nor_conv_3x3", "none", "skip_connect", "nor_conv_1x1", "none", "nor_conv_3x3"],
                strict=True,
            )
        )
    )
    renamed = {
        name.replace("cell_0", "cell_1"): "1" if name.endswith(".cell") else value
        for name, value in a.items()
    }
    space.validate(renamed)
    assert space.canonical(a) == space.canonical(renamed)
    shortened = {**a, "stage_1.depth": 4}
    assert space.canonical(a) != space.canonical(shortened)


def test_equal_keys_are_equal_functions() -> None:
    space = HierarchicalSpace(
        (3, 8, 8), channels=3, stages=1, max_cells_per_stage=2, library_size=1
    )
    rng = np.random.default_rng(0)
    images = torch.rand(2, 3, 8, 8)
    by_key: dict[str, list[dict[str, Any]]] = {}
    for config in space.sample(size=3_000, random_state=rng):
        config |= {"widening": 2.0, "stage_0.depth": 2, "stage_0.links": "residual"}
        by_key.setdefault(space.canonical(config), []).append(config)
    pairs = [
        (group[0], other) for group in by_key.values() for other in group[1:] if other != group[0]
    ]
    assert len(pairs) > 100
    compared = 0
    for index in rng.permutation(len(pairs))[:40]:
        a, b = pairs[int(index)]
        first, second = randomised(space, a), space.build(b).eval()
        edges = dict(zip(space.cell_key(b, 0).edges, space.cell_key(a, 0).edges, strict=True))
        weights = {}
        for name, old in second.state_dict().items():
            source = name
            if ".edges." in name:
                mine = name.split(".edges.")[1].split(".")[0]
                theirs = edges.get(f"cell_0.edge_{mine}", "").removeprefix("cell_0.edge_")
                source = name.replace(f".edges.{mine}.", f".edges.{theirs}.")
            weights[name] = first.state_dict().get(source, old)
        second.load_state_dict(weights)
        with torch.no_grad():
            assert torch.allclose(first(images), second(images), rtol=1e-4, atol=1e-5), (a, b)
        compared += 1
    assert compared == 40


def randomised(space: HierarchicalSpace, config: dict[str, Any]) -> torch.nn.Module:
    """A network whose batch norms do something, so that an edge on zeros is not zero itself."""
    torch.manual_seed(0)
    network = space.build(config).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
    return network
