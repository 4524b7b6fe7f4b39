"""A trial's context without Tune: a folder for the experiment, and what was reported."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyarrow.fs import LocalFileSystem
from ray import tune


class FakeTrial:
    """What `tune.report` got; its last checkpoint is the trial's."""

    def __init__(self, experiment: Path) -> None:
        self.experiment = experiment
        self.reports: list[dict[str, Any]] = []
        self.checkpoint: tune.Checkpoint | None = None

    def report(self, metrics: dict[str, Any], checkpoint: tune.Checkpoint | None = None) -> None:
        """Keeps the metrics, and copies the checkpoint as Tune does."""
        self.reports.append(metrics)
        if checkpoint is not None:
            folder = self.experiment / "trial_a" / f"checkpoint_{len(self.reports):06}"
            checkpoint.to_directory(str(folder))
            self.checkpoint = tune.Checkpoint(str(folder), LocalFileSystem())


@pytest.fixture
def fake_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTrial:
    """`tune`'s functions, as a trial in a local folder sees them."""
    trial = FakeTrial(tmp_path)
    storage = SimpleNamespace(
        storage_filesystem=LocalFileSystem(),
        experiment_fs_path=str(tmp_path),
        trial_dir_name="trial_a",
    )
    monkeypatch.setattr(tune, "get_context", lambda: SimpleNamespace(get_storage=lambda: storage))
    monkeypatch.setattr(tune, "get_checkpoint", lambda: trial.checkpoint)
    monkeypatch.setattr(tune, "report", trial.report)
    return trial
