"""Adjacency and path encodings of cells."""

import numpy as np
import pytest

from ray_nas.spaces import DARTS, HierarchicalSpace, NASBench201, adjacency_encoding, path_encoding


@pytest.mark.parametrize(
    ("space", "adjacency", "paths"),
    [
        (NASBench201(), 6 * 5, 84),
        (DARTS(), 2 * (2 + 3 + 4 + 5) * 7, 2 * 2 * 399),
        (HierarchicalSpace(), 3 * 6 * 6, 3 * (5 + 25 + 125)),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else None,
)
def test_lengths_are_fixed_and_codes_tell_cells_apart(
    space: NASBench201, adjacency: int, paths: int
) -> None:
    configs = space.sample(size=30, random_state=np.random.default_rng(0))
    for encoding, length in ((adjacency_encoding, adjacency), (path_encoding, paths)):
        codes = [encoding(space, config) for config in configs]
        assert {code.shape for code in codes} == {(length,)}
        assert set(np.unique(codes)) == {0.0, 1.0}
        assert len({code.tobytes() for code in codes}) > 25


def test_an_adjacency_code_has_one_operation_on_each_edge() -> None:
    bench = NASBench201()
    code = adjacency_encoding(bench, bench.sample(random_state=0)).reshape(6, 5)
    assert (code.sum(1) == 1).all()
    darts = DARTS()
    assert adjacency_encoding(darts, darts.sample(random_state=0)).sum() == 2 * 4 * 2


def test_paths_are_those_of_the_cell() -> None:
    bench = NASBench201()
    cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|"
    code = path_encoding(bench, bench.from_arch_str(cell))
    operations = ["skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
    long = (
        4
        + 16
        + 16 * operations.index("nor_conv_3x3")
        + 4 * operations.index("skip_connect")
        + operations.index("nor_conv_1x1")
    )
    assert np.flatnonzero(code).tolist() == [operations.index("avg_pool_3x3"), long]


def test_unreachable_operations_do_not_change_paths() -> None:
    bench = NASBench201()
    for operation in ("nor_conv_1x1", "avg_pool_3x3"):
        cell = f"|{operation}~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|{operation}~2|"
        assert path_encoding(bench, bench.from_arch_str(cell)).sum() == 1
    with pytest.raises(ValueError, match="max_length must be an integer >= 1, got 0"):
        path_encoding(bench, bench.sample(random_state=0), max_length=0)
