"""Features of a cell are counts that depend on its function alone."""

from itertools import product

import numpy as np
import pytest

from ray_nas.spaces.cells.cell_features import cell_features

NAMES = ["none", "skip", "conv", "pool"]
EDGES = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]


def features(*operations: str) -> np.ndarray:
    return cell_features(
        dict(zip(EDGES, operations, strict=True)), NAMES, zero="none", identity="skip"
    )


def test_paths_are_counted_by_their_operations() -> None:
    # 0 -conv-> 1 -skip-> 3, and 0 -pool-> 3
    counts = features("conv", "none", "none", "pool", "skip", "none")
    sequences = [s for length in range(4) for s in product(["conv", "pool"], repeat=length)]
    paths = {s: n for s, n in zip(sequences, counts, strict=False) if n}
    assert paths == {("conv",): 1, ("pool",): 1}
    place = len(sequences)
    skip, conv, pool = counts[place : place + 15].reshape(3, 5).tolist()
    assert skip == [1, 1, 0, 1, 0]
    assert conv == [1, 1, 0, 0, 1]
    assert pool == [1, 1, 0, 1, 1]
    assert counts[-2:].tolist() == [2, 3]


def test_edges_that_carry_nothing_do_not_count() -> None:
    used = features("none", "none", "conv", "pool", "conv", "none")
    assert np.array_equal(used, features("none", "none", "pool", "pool", "pool", "conv"))
    assert not np.array_equal(used, features("conv", "none", "conv", "pool", "conv", "none"))


@pytest.mark.parametrize("seed", range(3))
def test_renumbering_the_inner_nodes_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b, c, d, e = (NAMES[i] for i in rng.integers(4, size=5))
    assert np.array_equal(features(a, b, "none", c, d, e), features(b, a, "none", c, e, d))


def test_a_cell_without_a_path_is_all_zeros() -> None:
    assert not features(*["none"] * 6).any()
