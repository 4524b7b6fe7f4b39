"""The demo's parts, without Ray's processes; `make demo` as a whole in the soak."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from ray_nas.simulation import simulate

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def demo() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        yield importlib.import_module("quickstart")


@pytest.fixture
def data() -> dict[str, Any]:
    """Easy series: the class is where the peak is."""
    labels = torch.arange(300) % 10
    series = 0.1 * torch.randn(300, 1, 40, generator=torch.Generator().manual_seed(0))
    series[torch.arange(300), 0, 4 * labels] += 3
    return dict.fromkeys(["train", "validation", "test"], (series, labels))


def test_no_series_is_in_two_parts(demo: ModuleType) -> None:
    parts = demo.series(0)
    sizes = {name: (x.shape, y.shape) for name, (x, y) in parts.items()}
    assert sizes == {
        name: ((number, 1, 40), (number,))
        for name, number in {"train": 3_000, "validation": 1_000, "test": 10_000}.items()
    }
    series = torch.cat([x[:, 0] for x, _ in parts.values()])
    assert len(series.unique(dim=0)) == 14_000


def test_the_published_network_meets_the_limit_and_a_wider_one_does_not(demo: ModuleType) -> None:
    assert demo.space.is_valid(demo.published())
    assert demo.multiply_adds(demo.published(25)) == 31_875
    assert demo.multiply_adds(demo.published(32)) > demo.MULTIPLY_ADDS


def test_all_searches_begin_with_the_published_network_and_the_recipe(demo: ModuleType) -> None:
    for searcher in demo.searchers(0).values():
        config = {**demo.RECIPE, **searcher.suggest("first")}
        assert demo.architecture(config) == demo.published()
        assert (config["lr"], config["decay"]) == (demo.RECIPE["lr"], demo.RECIPE["decay"])


def test_no_trial_of_a_search_sees_the_test_part(demo: ModuleType, data: dict[str, Any]) -> None:
    config = {**demo.RECIPE, **demo.published(4), "seed": 0}
    reports = list(demo.training(config, {**data, "test": None}))
    assert [report["epoch"] for report in reports] == list(range(1, demo.EPOCHS + 1))
    assert not any("test_accuracy" in report for report in reports)
    assert demo.test_accuracy(config, data, 0) == reports_again(demo, config, data)


def reports_again(demo: ModuleType, config: dict[str, Any], data: dict[str, Any]) -> float:
    *_, last = demo.training({**config, "epochs": demo.FINAL_EPOCHS, "seed": 0}, data)
    return last["test_accuracy"]  # type: ignore[no-any-return]


def test_a_search_keeps_the_limit(demo: ModuleType, data: dict[str, Any]) -> None:
    def objective(config: dict[str, Any]) -> Iterator[Any]:
        for result in demo.training({**demo.RECIPE, **config, "seed": 0}, data):
            yield 1.0, result

    searcher = demo.searchers(0)["evolution"]
    history = simulate(objective, searcher, demo.scheduler(), max_trials=8)
    assert all(demo.multiply_adds(one.config) <= demo.MULTIPLY_ADDS for one in history.trials)
    assert max(one.metrics["accuracy"] for one in history.trials) > 0.5  # learns: chance is 0.1


@pytest.mark.soak
def test_the_quick_demo_prints_its_figures_and_writes_a_report(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "quickstart.py"), "--quick"]
    printed = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=tmp_path
    ).stdout
    *_, last = printed.splitlines()
    assert Path(last.removeprefix("report: ")).read_text().count("<section") == 11
    assert all(name in printed for name in ("tuned", "random search", "evolution"))
