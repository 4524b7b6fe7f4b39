"""Batches of training and evaluation."""

import pytest
import torch
from torch.utils.data import DataLoader, SubsetRandomSampler, TensorDataset

from ray_nas.trials.data import (
    count_batches,
    random_batches,
    training_batches,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("rows", "batch_size", "sizes"),
    [(9, 4, [4, 4]), (10, 4, [4, 4, 2]), (1, 4, [1]), (3, 1, [1, 1, 1]), (8, 4, [4, 4])],
)
def test_a_last_batch_of_one_example_is_left_out(
    rows: int, batch_size: int, sizes: list[int]
) -> None:
    data = torch.arange(rows), torch.arange(rows)
    loader = DataLoader(TensorDataset(*data), batch_size=batch_size)
    for given in (data, loader):
        batches = list(training_batches(given, batch_size, torch.Generator().manual_seed(0), CPU))
        assert [len(targets) for _, targets in batches] == sizes
    assert count_batches(data, batch_size) == len(sizes)


def test_random_batches_are_seeded_rows_of_tensors_and_loaders() -> None:
    data = torch.arange(1000), torch.arange(1000)
    own = {
        "tensors": data,
        "in order": DataLoader(TensorDataset(*data), 64),
        "shuffled": DataLoader(TensorDataset(*data), 64, shuffle=True),
    }
    for given in own.values():
        rows = torch.cat([targets for _, targets in random_batches(given, 512, 64, 1, CPU)])
        assert len(rows) == len(rows.unique()) == 512
        assert 400 < float(rows.float().mean()) < 600, "not the first ones"
        again, others = (
            torch.cat([targets for _, targets in random_batches(given, 512, 64, seed, CPU)])
            for seed in (1, 2)
        )
        assert torch.equal(rows, again)
        assert not torch.equal(rows, others)
    part = DataLoader(TensorDataset(*data), 64, sampler=SubsetRandomSampler(range(300)))
    rows = torch.cat([targets for _, targets in random_batches(part, 512, 64, 1, CPU)])
    assert sorted(rows.tolist()) == list(range(300)), "those of the loader's sampler alone"
    assert [
        len(targets) for _, targets in random_batches((data[0][:9], data[1][:9]), 512, 4, 1, CPU)
    ] == [4, 4]
