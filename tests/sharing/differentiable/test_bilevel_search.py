"""A search by gradients: it finds what is better, resumes exactly, and stops at a collapse."""

import json
from pathlib import Path

import pytest
import torch
from sign_of_a_sum import Net, arguments, finished, parts
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ray_nas.sharing.differentiable.bilevel_search import BilevelSearch, logger
from ray_nas.spaces import LayerChoice, ModelSpace
from ray_nas.spaces.cells.cell_layers import Zero


@pytest.mark.parametrize("method", ["darts", "gdas", "drnas"])
def test_what_passes_the_input_on_is_found(method: str) -> None:
    rows = finished(
        BilevelSearch(ModelSpace(Net), **arguments(method=method, epochs=20, batch_size=32))
    )
    architecture = json.loads(rows[-1]["architecture"])
    assert architecture["source"] == "entries"
    assert architecture["layer"] in ("skip", "linear")
    assert rows[-1]["accuracy"] > 0.9
    assert rows[-1]["entropy"] < rows[0]["entropy"]
    assert [row["epoch"] for row in rows] == list(range(1, 21))


def test_the_alphas_wait_for_the_weights() -> None:
    rows = finished(BilevelSearch(ModelSpace(Net), **arguments(epochs=4, warmup=0.5)))
    assert rows[0]["entropy"] == rows[1]["entropy"] != rows[2]["entropy"]


def test_the_same_seed_gives_the_same_search_and_leaves_torch_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    runs = [
        finished(BilevelSearch(ModelSpace(Net), **arguments(method="drnas", seed=seed)))
        for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1] != runs[2]
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("method", ["darts", "gdas", "drnas"])
def test_a_loaded_search_goes_on_as_if_nothing_had_been(method: str, tmp_path: Path) -> None:
    space = ModelSpace(Net)
    straight = finished(BilevelSearch(space, **arguments(method=method, beta_decay=1.0)))
    first, second = (
        BilevelSearch(space, **arguments(method=method, beta_decay=1.0)) for _ in range(2)
    )
    rows = [first.epoch(), first.epoch()]
    first.save(tmp_path)
    second.load(tmp_path)
    assert rows + finished(second) == straight


def test_beta_decay_keeps_the_weights_together() -> None:
    free, held = (
        finished(BilevelSearch(ModelSpace(Net), **arguments(epochs=12, beta_decay=beta)))[-1]
        for beta in (0.0, 50.0)
    )
    assert held["entropy"] > free["entropy"] + 0.02


class Collapsing(nn.Module):
    """Skip connections are all that works."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(LayerChoice(f"layer_{i}", {"zero": Zero, "skip": nn.Identity}) for i in range(4))
        )
        self.last = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.layers(x))


def test_collapse_ends_the_search_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []  # not caplog: other packages' tests disable loggers that exist
    monkeypatch.setattr(logger, "warning", lambda text, *args: logged.append(text % args))
    train, val = parts()
    data = {
        "train_data": (train[0], (train[0][:, 0] > 0).long()),
        "val_data": (val[0], (val[0][:, 0] > 0).long()),
    }
    rows = finished(
        BilevelSearch(
            ModelSpace(Collapsing),
            **arguments(epochs=40, max_skip_share=0.75, alpha_learning_rate=0.002, **data, seed=4),
        )
    )
    assert len(rows) < 40
    assert [row["collapse"] for row in rows] == [0] * (len(rows) - 1) + [1]
    assert rows[-1]["skip_share"] == 1.0
    assert list(json.loads(rows[-1]["architecture"]).values()).count("skip") == 3, (
        "as many as may be"
    )
    assert "skip connections took over: 100%" in rows[-1]["warning"]
    (message,) = logged
    assert rows[-1]["warning"] in message
    on = finished(
        BilevelSearch(
            ModelSpace(Collapsing),
            **arguments(epochs=len(rows) + 2, alpha_learning_rate=0.002, **data, seed=4),
        )
    )
    assert len(on) == len(rows) + 2
    assert on[-1]["collapse"] == 0, "1 allows it"


def perceptron(outputs: int) -> ModelSpace:
    """A batch norm, and a choice of the activation."""
    return ModelSpace(
        lambda: nn.Sequential(
            nn.Linear(2, 8),
            nn.BatchNorm1d(8),
            LayerChoice("op", {"tanh": nn.Tanh, "skip": nn.Identity}),
            nn.Linear(8, outputs),
        )
    )


def test_loaders_and_regression() -> None:
    (x, _), _ = parts()
    loader = DataLoader(TensorDataset(x, x.prod(1, keepdim=True)), batch_size=64, shuffle=True)
    space = perceptron(outputs=1)
    data = {"train_data": loader, "val_data": loader, "loss": nn.functional.mse_loss}
    rows = finished(BilevelSearch(space, **arguments(**data, epochs=2)))
    assert "accuracy" not in rows[-1]
    assert rows[-1]["loss"] < 5


def test_a_last_batch_of_one_example_does_not_stop_the_search() -> None:
    train, val = parts(65)
    rows = finished(
        BilevelSearch(
            perceptron(outputs=2), **arguments(train_data=train, val_data=val, epochs=2, warmup=0.0)
        )
    )
    assert len(rows) == 2


def test_a_loss_that_is_no_number_is_named() -> None:
    search = BilevelSearch(
        ModelSpace(Net), **arguments(loss=lambda output, targets: output.sum() * float("nan"))
    )
    with pytest.raises(
        FloatingPointError, match=r"loss became nan in epoch 1: lower learning_rate = 0\.1"
    ):
        search.epoch()
