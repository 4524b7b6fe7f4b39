"""The DARTS space: its size, a published architecture, and keys that mean equal functions."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from ray_nas.spaces import DARTS
from ray_nas.spaces.darts import CELLS, NODES

V2 = {
    "normal": [
        (f"{op}", i)
        for op, i in zip(
            ["sep_conv_3x3"] * 5 + ["skip_connect"] * 2 + ["dil_conv_3x3"],
            [0, 1, 0, 1, 1, 0, 0, 2],
            strict=True,
        )
    ],
    "reduce": [
        (f"{op}", i)
        for op, i in zip(
            ["max_pool_3x3"] * 2
            + ["skip_connect", "max_pool_3x3", "max_pool_3x3"]
            + ["skip_connect"] * 2
            + ["max_pool_3x3"],
            [0, 1, 2, 1, 0, 2, 2, 1],
            strict=True,
        )
    ],
}
"""The cells that the paper found with its second-order method."""


def test_size() -> None:
    assert DARTS().size == (1 * 3 * 6 * 10 * 7**8) ** 2


def test_contains_the_papers_cells_with_their_parameter_count() -> None:
    space = DARTS(channels=36, num_cells=20)
    config = space.from_genotype(**V2)
    with torch.device("meta"):
        network = space.build(config)
    assert sum(p.numel() for p in network.parameters()) == 3_349_342
    printed = space.to_genotype(config)
    assert all(
        sorted(printed[cell][i : i + 2]) == sorted(V2[cell][i : i + 2])
        for cell in CELLS
        for i in range(0, 8, 2)
    )


def test_configs_do_not_depend_on_the_networks_size() -> None:
    assert (
        DARTS(num_cells=8).fingerprint
        == DARTS(num_cells=20, channels=36, num_classes=100).fingerprint
    )


def permuted(
    space: DARTS, config: dict[str, Any], order: dict[str, tuple[int, ...]]
) -> dict[str, Any]:
    """The config with renumbered nodes: `order[cell][i]` is the new number of node i + 2."""
    result = {}
    for cell in CELLS:
        number = dict(zip((0, 1, *NODES), (0, 1, *order[cell]), strict=True))
        for node in NODES:
            edges = {number[e.source]: e.operation for e in space.edges(config, cell)[node - 2]}
            result[f"{cell}.node_{number[node]}.inputs"] = "+".join(map(str, sorted(edges)))
            result |= {f"{cell}.edge_{source}_{number[node]}": op for source, op in edges.items()}
    return result


def permutations(space: DARTS, config: dict[str, Any], cell: str) -> list[tuple[int, ...]]:
    """The renumberings in which each node still comes after its sources."""
    good = []
    for order in itertools.permutations(NODES):
        number = dict(zip((0, 1, *NODES), (0, 1, *order), strict=True))
        if all(
            number[e.source] < number[node]
            for node in NODES
            for e in space.edges(config, cell)[node - 2]
        ):
            good.append(order)
    return good


def test_renumbered_nodes_have_one_key_and_one_function() -> None:
    space = DARTS((3, 8, 8), channels=4, num_cells=3)
    rng = np.random.default_rng(0)
    images = torch.rand(2, 3, 8, 8)
    changed = 0
    for config in space.sample(size=12, random_state=rng):
        order = {cell: permutations(space, config, cell)[-1] for cell in CELLS}
        other = permuted(space, config, order)
        space.validate(other)
        assert space.canonical(other) == space.canonical(config)
        changed += other != config
        a, b = space.build(config).eval(), space.build(other).eval()
        b.load_state_dict(matched(space, config, other, a.state_dict(), b.state_dict()))
        with torch.no_grad():
            assert torch.allclose(a(images), b(images), atol=1e-5)
    assert changed >= 4, "too few of the samples can be renumbered"


def matched(
    space: DARTS,
    config: dict[str, Any],
    other: dict[str, Any],
    weights: dict[str, Any],
    names: dict[str, Any],
) -> dict[str, Any]:
    """Transfers the weights of a network to another with the same key, in the key's order."""
    kinds = {0: "normal", 1: "reduce", 2: "reduce"}  # of the three cells
    result = {}
    for name, old in names.items():
        head = name.split(".")
        if head[0] == "cells" and head[2] == "nodes":
            cell = kinds[int(head[1])]
            keys = [space.cell_key(c, cell).edges for c in (config, other)]
            edge = f"{cell}.edge_{head[5]}_{int(head[3]) + 2}"
            if edge in keys[1]:
                source, node = keys[0][keys[1].index(edge)].split("_")[1:]
                head[3], head[5] = str(int(node) - 2), source
        result[name] = weights[".".join(head)].clone() if ".".join(head) in weights else old
    for reader, cell in (
        ("cells.1.previous.1.weight", "normal"),
        ("cells.2.before.even.weight", "normal"),
        ("cells.2.before.odd.weight", "normal"),
        ("cells.2.previous.1.weight", "reduce"),
        ("classifier.weight", "reduce"),
    ):
        width = result[reader].shape[1] // 4
        orders = [space.cell_key(c, cell).outputs for c in (config, other)]
        blocks = {
            theirs: result[reader][:, (ours - 2) * width : (ours - 1) * width]
            for ours, theirs in zip(*orders, strict=True)
        }
        result[reader] = torch.cat([blocks[node] for node in NODES], dim=1)
    return result


def test_a_layer_used_twice_is_not_two_layers() -> None:
    space = DARTS()
    config = space.from_genotype(**V2)
    twins = config | {f"normal.edge_{i}_{n}": "sep_conv_3x3" for n in (2, 3) for i in (0, 1)}
    twins |= {
        "normal.node_3.inputs": "0+1",
        "normal.node_4.inputs": "0+2",
        "normal.node_5.inputs": "0+2",
    }
    twins |= {f"normal.edge_{i}_{n}": "sep_conv_3x3" for n in (4, 5) for i in (0, 2)}
    first = {name: twins[name] for name in space.active(twins)}
    moved = {**twins, "normal.node_5.inputs": "0+3", "normal.edge_3_5": "sep_conv_3x3"}
    second = {name: moved[name] for name in space.active(moved)}
    assert space.canonical(first) != space.canonical(second)


def test_errors_name_the_argument() -> None:
    with pytest.raises(ValueError, match="num_cells must be at least 3"):
        DARTS(num_cells=2)
    with pytest.raises(ValueError, match="normal must hold 8 pairs"):
        DARTS().from_genotype([("skip_connect", 0)], V2["reduce"])
    with pytest.raises(ValueError, match=r"config\['normal.edge_0_2'\] must be one of"):
        DARTS().from_genotype([("conv", 0), *V2["normal"][1:]], V2["reduce"])
