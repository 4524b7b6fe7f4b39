"""Training a supernet."""

import math

import pytest
import torch
from tiny_supernet import DATA, GENERATOR, training
from torch import nn

from ray_nas.sharing.one_shot.paths.path_strategies import STRATEGIES
from ray_nas.spaces import LayerChoice, ModelSpace, ValueChoice


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_a_resumed_training_gives_the_weights_of_one_that_never_stopped(strategy: str) -> None:
    straight, first = training(strategy), training(strategy)
    for _ in range(2):
        straight.run_epoch()
        straight.adapt_strategy(DATA)
    first.run_epoch()
    first.adapt_strategy(DATA)
    resumed = training(strategy)
    resumed.load_state_tensors(
        {name: tensor.clone() for name, tensor in first.state_tensors().items()}, 1
    )
    resumed.run_epoch()
    resumed.adapt_strategy(DATA)
    for name, tensor in straight.state_tensors().items():
        assert torch.equal(tensor, resumed.state_tensors()[name]), name
    assert straight.strategy.best_configs(5) == resumed.strategy.best_configs(5)


def test_random_numbers_of_others_are_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    training().run_epoch()
    assert torch.equal(torch.rand(3), expected)


def test_batch_norms_learn_no_affine_unless_told() -> None:
    fixed, learnt = training(), training(affine=True)
    for run in (fixed, learnt):
        run.run_epoch()
    name = "layers.1.weight"
    assert torch.equal(fixed.supernet.state_dict()[name], torch.ones(2))
    assert not torch.equal(learnt.supernet.state_dict()[name], torch.ones(2))


def test_a_loss_that_is_no_number_is_an_error_that_says_so() -> None:
    with pytest.raises(
        FloatingPointError,
        match=r"training loss became nan in epoch 1 of 4: lower the learning rate",
    ):
        training(loss=lambda outputs, targets: outputs.sum() * math.nan).run_epoch()


def test_regression_has_a_loss_alone_and_widths_share_weights() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            width = ValueChoice("width", [2, 4, 8])
            self.layers = nn.Sequential(
                nn.Linear(3, width),
                LayerChoice("activation", {"relu": nn.ReLU(), "tanh": nn.Tanh()}),
                nn.Linear(width, 1),
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layers(x)

    inputs = torch.rand(64, 3, generator=GENERATOR)
    for strategy in STRATEGIES:
        data = inputs, inputs.sum(1, keepdim=True)
        run = training(strategy, ModelSpace(Net), data, loss=nn.functional.mse_loss, epochs=5)
        before = run.evaluate({"width": 8, "activation": "relu"}, data)
        for _ in range(5):
            run.run_epoch()
            run.adapt_strategy(data)
        found = run.evaluate({"width": 8, "activation": "relu"}, data)
        assert found.keys() == {"loss"}
        assert found["loss"] < 0.8 * before["loss"]


class Normed(nn.Module):
    """Its batch norm has one value a channel and example."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, 4),
            nn.BatchNorm1d(4),
            LayerChoice("activation", {"relu": nn.ReLU(), "tanh": nn.Tanh()}),
            nn.Linear(4, 2),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def test_a_last_batch_of_one_example_does_not_stop_the_training() -> None:
    data = torch.rand(17, 2), torch.arange(17) % 2
    run = training(space=ModelSpace(Normed), data=data, epochs=1)
    run.run_epoch()
    assert math.isfinite(run.evaluate({"activation": "relu"}, data)["loss"])


def test_one_row_alone_is_an_error_that_says_so() -> None:
    data = torch.rand(1, 2), torch.tensor([1])
    run = training(space=ModelSpace(Normed), data=data, epochs=1)
    for call in (run.run_epoch, lambda: run.evaluate({"activation": "relu"}, data)):
        with pytest.raises(ValueError, match="at least 2 rows and batch_size must be at least 2"):
            call()


@pytest.mark.parametrize("what", ["calibration", "rewards"])
def test_the_order_of_the_data_has_no_say(what: str) -> None:
    """Rows of one class after the other: the first of them are not like the rest."""
    images, labels = torch.rand(1200, 1, 8, 8, generator=GENERATOR), torch.arange(1200) // 400
    images += labels[:, None, None, None]
    seen: list[torch.Tensor] = []

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        seen.append(targets)
        return nn.functional.cross_entropy(outputs, targets)

    run = training("enas", data=(images, labels), loss=loss)
    if what == "calibration":
        shown = torch.cat([targets for _, targets in run.calibration_batches])
    else:
        run.adapt_strategy((images, labels))
        shown = torch.cat(seen)[:512]
    assert len(shown) >= 500
    assert min(shown.bincount(minlength=3)) > 120, "about as many of each class"
