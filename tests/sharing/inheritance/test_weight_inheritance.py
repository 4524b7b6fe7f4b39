"""Weights go from trial to trial in a real Tune experiment, and outlive its driver."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ray import tune

from ray_nas import record
from ray_nas.record.files import RECORD_FILES
from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import MLPSpace

DRIVER = Path(__file__).parents[2] / "drivers" / "inherit.py"
SAMPLES = 10


def fit(
    searcher: Any,
    folder: Path,
    trainable: Any,
    name: str = "run",
    param_space: dict | None = None,
    samples: int = 6,
) -> tune.ResultGrid:
    """One trial at a time, so that the order of events does not depend on the machine's load."""
    return tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space=param_space,
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            metric="loss",
            mode="min",
            num_samples=samples,
            reuse_actors=True,
            max_concurrent_trials=1,
        ),
        run_config=tune.RunConfig(name=name, storage_path=str(folder), verbose=0),
    ).fit()


def training(space: MLPSpace, key: str | None = None) -> Any:
    def train(config: dict) -> None:
        import torch
        from torch import nn

        from ray_nas.sharing import inherit_weights

        torch.set_num_threads(1)
        torch.manual_seed(0)
        x = torch.rand(64, 8)
        y = x.prod(1, keepdim=True)
        network, lineage = inherit_weights(space, config, key=key, batch=x)
        with torch.no_grad():
            at_start = nn.functional.mse_loss(network.eval()(x), y).item()
        optimizer = torch.optim.Adam(network.train().parameters(), 1e-2)
        for _ in range(2):
            optimizer.zero_grad()
            nn.functional.mse_loss(network(x), y).backward()
            optimizer.step()
            with torch.no_grad():
                loss = nn.functional.mse_loss(network.eval()(x), y).item()
            lineage.report({"loss": loss, "at_start": at_start}, network.train())

    return train


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::ResourceWarning")
def test_children_start_where_their_parents_ended(ray_runtime: None, tmp_path: Path) -> None:
    space = MLPSpace(8, 1, max_layers=2, widths=(8, 16), dropouts=(0.0, 0.1))
    search = RegularizedEvolution(
        space, population_size=3, tournament_size=3, inherit_weights=True, seed=1
    )
    results = fit(search, tmp_path, training(space), samples=9)
    trials = {
        trial.trial_id: trial for trial in list(record.load(tmp_path / "run").trials.values())
    }
    assert not results.errors
    children = [result.metrics for result in results if trials[result.metrics["trial_id"]].parents]
    assert len(children) == 6
    kinds = {result.metrics["trial_id"]: result.metrics["inheritance"] for result in results}
    assert kinds == {name: trial.inheritance for name, trial in trials.items()}
    assert {"fresh", "preserved"} <= set(kinds.values())
    for metrics in children:
        parent = trials[trials[metrics["trial_id"]].parents[0]].metrics
        assert metrics["inheritance"] in ("preserved", "partial")
        assert metrics["epoch"] == 2
        assert metrics["lineage_epochs"] == parent["lineage_epochs"] + 2
        assert 0 < metrics["inherited_share"] <= 1
        if metrics["inheritance"] == "preserved":
            assert metrics["at_start"] == pytest.approx(parent["loss"], abs=1e-4)
    assert all("inherit_from" not in trial.config for trial in trials.values()), (
        "it is no parameter of the space"
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::ResourceWarning")
@pytest.mark.soak  # a second experiment, only for nested configs
def test_nested_configs_and_lost_checkpoints(ray_runtime: None, tmp_path: Path) -> None:
    space = MLPSpace(8, 1, max_layers=2, widths=(8, 16))
    nested = {"arch": space, "lr": tune.loguniform(1e-3, 1e-1)}
    search = RegularizedEvolution(
        population_size=2, tournament_size=2, inherit_weights=True, seed=1
    )
    results = fit(search, tmp_path, training(space, key="arch"), param_space=nested, samples=5)
    heirs = [result for result in results if "inherit_from" in result.config]
    assert 2 <= len(heirs) <= 3
    assert [result.metrics["inheritance"] for result in results].count("fresh") == 5 - len(heirs)

    gone = dict(heirs[0].config)
    shutil.rmtree(Path(results.experiment_path) / gone["inherit_from"])
    again = fit(None, tmp_path, training(space, key="arch"), param_space=gone, samples=1)
    assert again[0].metrics["inheritance"] == "fresh"

    foreign = Path(results.experiment_path) / "foreign"
    foreign.mkdir()
    wrong = fit(
        None,
        tmp_path,
        training(space, key="arch"),
        param_space={**gone, "inherit_from": "foreign"},
        samples=1,
    )
    assert "has no tensors.safetensors: ray_nas did not write it" in str(wrong.errors[0])


@pytest.mark.soak  # kills of drivers with weights are in `make test` for one-shot search
def test_a_killed_driver_goes_on_with_all_weights(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, str(DRIVER), str(tmp_path), str(SAMPLES)]
    driver = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while driver.poll() is None and not any(
        b'"mutation"' in path.read_bytes() for path in tmp_path.glob(f"inherit/{RECORD_FILES}")
    ):
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    trials = {trial["trial_id"]: trial for trial in json.loads(run.stdout.splitlines()[-1])}
    loaded = {
        trial.trial_id: trial for trial in list(record.load(tmp_path / "inherit").trials.values())
    }
    assert len(trials) == SAMPLES
    assert trials.keys() == loaded.keys()
    heirs = [trial for trial in trials.values() if trial["inheritance"] != "fresh"]
    assert len(heirs) >= SAMPLES - 4 - 2, "but for those that were in flight"
    for trial in trials.values():
        parents = loaded[trial["trial_id"]].parents
        assert trial["epoch"] == 3
        assert trial["moved"] == trial["lineage_epochs"], (
            "the weights have been through every epoch of the lineage, once"
        )
        if trial["inheritance"] != "fresh":
            assert trial["lineage_epochs"] == trials[parents[0]]["lineage_epochs"] + 3
