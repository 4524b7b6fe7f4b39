import numpy as np
import pytest

from ray_nas.searchers import LocalSearch
from ray_nas.simulation import NASBench201Objective, simulate
from ray_nas.spaces import NASBench201

BEST = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
)


@pytest.fixture(scope="module")
def objective() -> NASBench201Objective:
    return NASBench201Objective("cifar10")


@pytest.fixture(scope="module")
def space() -> NASBench201:
    return NASBench201()


def test_the_best_cell_is_the_published_one(
    objective: NASBench201Objective, space: NASBench201
) -> None:
    ((seconds, metrics),) = objective(space.from_arch_str(BEST))
    assert metrics["val_acc"] == pytest.approx(91.6067, abs=1e-4)
    assert objective.values("val_acc").max() == metrics["val_acc"]
    assert len(objective) == 15_625
    assert seconds == metrics["train_time"] == pytest.approx(2879.749, abs=1e-3)
    assert metrics["epoch"] == 200


def test_its_size_is_that_of_the_network(
    objective: NASBench201Objective, space: NASBench201
) -> None:
    rng = np.random.default_rng(0)
    for _ in range(3):
        config = space.sample(random_state=rng)
        ((_, metrics),) = objective(config)
        parameters = sum(tensor.numel() for tensor in space.build(config).parameters())
        assert metrics["model_size"] == pytest.approx(parameters / 1e6, rel=1e-3)


def test_a_noisy_trial_reports_one_of_the_trainings(space: NASBench201) -> None:
    objective = NASBench201Objective("cifar10", noisy=True)
    config = space.from_arch_str(BEST)
    seen = {
        next(objective(config, rng=np.random.default_rng(seed)))[1]["val_acc"] for seed in range(20)
    }
    assert len(seen) in (2, 3)
    ((_, mean),) = NASBench201Objective("cifar10")(config)
    assert np.mean(list(seen)) == pytest.approx(mean["val_acc"])


def test_local_search_finds_a_good_cell(
    objective: NASBench201Objective, space: NASBench201
) -> None:
    history = simulate(
        objective, LocalSearch(space, "val_acc", "max", seed=0), num_workers=8, max_trials=150
    )
    assert history.best.metrics["val_acc"] > 91.2
    assert history.seconds < sum(trial.metrics["train_time"] for trial in history.trials) / 7


def test_unknown_data_sets_are_named() -> None:
    with pytest.raises(
        ValueError, match="dataset must be one of cifar10, cifar100, imagenet, got 'mnist'"
    ):
        NASBench201Objective("mnist")
