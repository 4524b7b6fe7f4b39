"""Nested parts of tensors and of loaders, and searches in which the data grow."""

import importlib.util
import itertools
from collections import Counter

import pytest
import torch
from ray.tune.schedulers import ASHAScheduler
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)
from torch.utils.data import Subset as DatasetPart

from ray_nas.estimators import fidelity_report
from ray_nas.schedulers import LearningCurveASHA
from ray_nas.searchers import BOHB, RandomSearch
from ray_nas.simulation import simulate
from ray_nas.spaces import NASBench201
from ray_nas.trials import Subset

FRACTIONS = [0.01, 0.1, 1 / 3, 1]


def make_data(rows: int = 900, classes: int = 10) -> tuple[torch.Tensor, torch.Tensor]:
    targets = torch.arange(rows) % classes
    return torch.arange(float(rows))[:, None], targets


def shares(targets: torch.Tensor) -> list[int]:
    return targets.bincount(minlength=10).tolist()


def test_parts_are_nested_and_rounded_up() -> None:
    subset = Subset(make_data(), FRACTIONS)
    rows = [subset.indices(fraction) for fraction in FRACTIONS]
    assert [len(part) for part in rows] == [9, 90, 300, 900]
    for small, large in itertools.pairwise(rows):
        assert set(small) < set(large)
    assert Subset(make_data(10), [1.0]).part(0.01)[0].shape == (1, 1)


def test_classes_keep_their_shares() -> None:
    for fraction, (_, targets) in Subset(make_data(), FRACTIONS):
        assert max(shares(targets)) - min(shares(targets)) <= 1, fraction
    # One class has half the examples, and one has five
    targets = torch.cat([torch.zeros(500), torch.arange(495) % 8 + 1, torch.full((5,), 9)]).long()
    subset = Subset((targets[:, None], targets), [0.05, 0.4])
    found = shares(subset.part(0.05)[1])
    assert abs(found[0] - 25) <= 2
    assert found[9] == 1, "each class is there"
    assert shares(subset.part(0.4)[1])[9] == 2


def test_parts_differ_by_seed_alone() -> None:
    rows = [Subset(make_data(), [0.1], seed=seed).indices(0.1) for seed in (0, 0, 1)]
    assert rows[0] == rows[1] != rows[2]
    assert rows[0] != list(range(90))


def test_targets_of_a_regression_are_no_classes() -> None:
    inputs = torch.arange(100.0)
    part, targets = Subset((inputs, inputs**2), [0.2]).part(0.2)
    assert torch.equal(targets, part**2)
    assert len(part) == 20


class Images(torch.utils.data.Dataset):
    """A data set in the manner of torchvision's."""

    def __init__(self, attribute: str | None) -> None:
        self.inputs, labels = make_data()
        self.read: Counter[int] = Counter()
        self._labels = labels.tolist()
        if attribute:
            setattr(self, attribute, self._labels)

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        self.read[index] += 1
        return self.inputs[index], self._labels[index]


@pytest.mark.parametrize("attribute", ["targets", "labels"])
def test_labels_are_found_in_the_data_set_without_reading_it(attribute: str) -> None:
    dataset = Images(attribute)
    loader = Subset(DataLoader(dataset, 32), [0.1]).part(0.1)
    assert not dataset.read
    assert shares(torch.cat([targets for _, targets in loader])) == 10 * [9]
    assert len(dataset.read) == 90
    even = DatasetPart(dataset, range(0, 900, 2))
    rows = Subset(DataLoader(even, 32), [0.1]).indices(0.1)
    assert shares(torch.tensor([even[row][1] for row in rows])) == 5 * [9, 0]


def test_given_labels_balance_a_data_set_that_has_none() -> None:
    loader = DataLoader(Images(None), 32)
    given = torch.arange(900) % 10
    rows = Subset(loader, [0.1], labels=given).indices(0.1)
    assert shares(given[rows]) == 10 * [9]
    rows = Subset(loader, [0.1]).indices(0.1)
    assert (len(rows), shares(given[rows]) == 10 * [9]) == (90, False)
    with pytest.raises(ValueError, match=r"labels must be one for each of the 900 examples"):
        Subset(loader, [0.1], labels=[1, 2])


def test_a_part_of_a_loader_has_its_settings() -> None:
    dataset = TensorDataset(*make_data())
    shuffled = DataLoader(
        dataset, 32, shuffle=True, drop_last=True, generator=torch.Generator().manual_seed(0)
    )
    part = Subset(shuffled, [0.1]).part(0.1)
    batches = [targets for _, targets in part]
    assert [len(batch) for batch in batches] == [32, 32]
    first, second = (torch.cat([x for x, _ in part]).flatten().tolist() for _ in range(2))
    assert first != second
    ordered = Subset(DataLoader(dataset, 32), [0.1]).part(0.1)
    rows = torch.cat([inputs for inputs, _ in ordered]).flatten().tolist()
    assert rows == sorted(rows)
    with pytest.raises(ValueError, match=r"complete batch of 32, .* got 9 examples"):
        Subset(shuffled, [0.01]).part(0.01)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(())


def test_loaders_that_cannot_be_divided_are_refused() -> None:
    dataset = TensorDataset(*make_data())
    for loader in (
        DataLoader(Stream(), 8),
        DataLoader(dataset, batch_size=None),
        DataLoader(dataset, batch_sampler=BatchSampler(SequentialSampler(dataset), 8, False)),
    ):
        with pytest.raises(ValueError, match="data must be a loader that makes batches"):
            Subset(loader, [1])
    for sampler in (
        SubsetRandomSampler(range(10)),
        WeightedRandomSampler([1.0] * 900, 900),
        RandomSampler(dataset, replacement=True),
        RandomSampler(dataset, num_samples=10),
    ):
        with pytest.raises(ValueError, match=f"got one with a {type(sampler).__name__}"):
            Subset(DataLoader(dataset, 8, sampler=sampler), [1])


def test_bad_fractions_are_named() -> None:
    for fractions in ([], [0.5, 0.1], [0.5, 0.5]):
        with pytest.raises(ValueError, match="fractions must be ascending"):
            Subset(make_data(), fractions)
    for fractions in ([0.0, 1], [0.5, 1.5]):
        with pytest.raises(ValueError, match="fractions"):
            Subset(make_data(), fractions)
    with pytest.raises(ValueError, match="fraction"):
        Subset(make_data(), [1]).part(2)
    with pytest.raises(TypeError, match="data must be a pair of tensors"):
        Subset([1, 2, 3], [1])


# As a budget.

SERIES = [1 / 9, 1 / 3, 1]
SPACE = NASBench201(channels=2, cells_per_stage=1)


def train(config):
    """Its accuracy is the share of convolutions; it costs as much as the examples it sees."""
    convolutions = sum("conv" in operation for operation in config.values())
    for fraction, (inputs, _) in Subset(make_data(), SERIES):
        yield float(len(inputs)), {"accuracy": convolutions * fraction, "data": fraction}


@pytest.mark.parametrize(
    "scheduler",
    [
        ASHAScheduler(time_attr="data", max_t=1, grace_period=1 / 9, reduction_factor=3),
        LearningCurveASHA(time_attr="data", max_t=1, grace_period=1 / 9),
    ],
    ids=["ray", "ours"],
)
def test_the_share_of_the_data_is_a_budget_of_schedulers(scheduler, tmp_path) -> None:
    if isinstance(scheduler, ASHAScheduler):
        scheduler.set_search_properties("accuracy", "max")
    searcher = RandomSearch(SPACE, "accuracy", "max", seed=0)
    history = simulate(train, searcher, scheduler, max_trials=30)
    reached = Counter(trial.metrics["data"] for trial in history.trials)
    assert set(reached) == set(SERIES), "each rung stops some"
    assert reached[1] < 20
    searcher.save(str(tmp_path / "state.json"))
    report = fidelity_report(tmp_path, time_attr="data")
    assert [rung.time for rung in report.rungs] == pytest.approx(SERIES[:2])
    assert all(rung.correlation == pytest.approx(1) for rung in report.rungs)


@pytest.mark.skipif(not importlib.util.find_spec("hpbandster"), reason="needs hpbandster")
def test_the_share_of_the_data_is_a_budget_of_bohb() -> None:
    searcher = BOHB(SPACE, "accuracy", "max", time_attr="data", seed=0)
    scheduler = LearningCurveASHA(time_attr="data", max_t=1, grace_period=1 / 9)
    simulate(train, searcher, scheduler, max_trials=12)
    assert set(searcher.model.losses) == set(SERIES), "before it has a model, which drops budgets"
