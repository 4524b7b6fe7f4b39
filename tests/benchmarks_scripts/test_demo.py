"""The demo over several seeds: figures, intervals, and going on after an interruption."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("demo")


def outcome(seed: int, ours: float, others: float) -> dict[str, Any]:
    rest = {"validation": 0.9, "trials": 3, "cpu_seconds": 1.0, "multiply_adds": 9, "config": {}}
    return {
        "seed": seed,
        "epochs": 40,
        "evolution": {"test": [ours] * 3, **rest},
        "random search": {"test": [others] * 3, **rest},
    }


def test_differences_are_paired_by_seed(script: ModuleType) -> None:
    outcomes = [outcome(0, 0.90, 0.88), outcome(1, 0.80, 0.78), outcome(2, 0.70, 0.68)]
    found = script.difference(outcomes, "random search")
    assert found == {"median": 2.0, "mean": 2.0, "interval": [2.0, 2.0], "wins": 3}
    worse = script.difference([outcome(0, 0.5, 0.6), outcome(1, 0.5, 0.5)], "random search")
    assert worse["mean"] == -5.0
    assert worse["wins"] == 0
    assert worse["interval"][0] < -5 < worse["interval"][1]


def test_finished_seeds_are_not_run_again(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    path = tmp_path / "demo.jsonl"
    path.write_text(json.dumps(outcome(0, 0.9, 0.8)) + "\n")
    run: list[int] = []

    def run_seed(seed: int, epochs: int) -> dict[str, Any]:
        run.append(seed)
        done = outcome(seed, 0.9, 0.8)
        done["published network, tuned"] = done["random search"]
        return done

    monkeypatch.setattr(script, "run_seed", run_seed)
    monkeypatch.setattr(script, "NAMES", ["random search", "evolution"])
    monkeypatch.setattr("sys.argv", ["demo.py", "--quick", "--results", str(path)])
    script.main()
    assert run == [1]
    assert [json.loads(line)["seed"] for line in path.read_text().splitlines()] == [0, 1]
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["seeds"] == 2
    assert last["evolution minus"]["random search"]["mean"] == 10.0
    other_budget = script.finished(path, epochs=400)
    assert not other_budget


def test_a_search_returns_the_best_trial_with_the_shared_recipe(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def training(config: dict[str, Any], data: Any) -> Any:
        for epoch in (1, 2):
            yield {"epoch": epoch, "accuracy": config["depth"] / 10}

    monkeypatch.setattr(script.demo, "training", training)
    found = script.searched("evolution", {}, seed=0, epochs=40)
    assert found["depth"] == 5
    assert found["validation"] == 0.5
    assert found["lr"] == script.demo.RECIPE["lr"]
    assert found["trials"] == 20
