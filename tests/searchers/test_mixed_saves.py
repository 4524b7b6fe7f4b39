"""A driver that dies while Tune copies its files leaves files of different saves in the storage."""

import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.execution.tune_controller import TuneController
from ray.tune.search import ConcurrencyLimiter

from ray_nas import record
from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import NASBench201

pytestmark = pytest.mark.usefixtures("ray_runtime")

NUM_SAMPLES = 8
FILES = ("experiment_state-", "search_gen_state-", "searcher-state-", "ray_nas_record-")
"""What Tune and the searcher save, each in a file of its own."""


def trainable() -> Any:
    """Counts convolutions, in two steps; local, to be pickled by value."""

    class Quick(tune.Trainable):
        def step(self) -> dict:
            convs = sum("conv" in operation for operation in self.config.values())
            return {"score": float(convs), "done": self.iteration >= 1}

        def save_checkpoint(self, folder: str) -> dict:
            return {}

        def load_checkpoint(self, state: dict) -> None:
            return None

        def reset_config(self, new_config: dict) -> bool:
            return True

    return tune.with_resources(Quick, {"cpu": 1})


class Saves:
    """Keeps a copy of every save of an experiment, without those that changed nothing."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.copies: list[Path] = []
        self.staging: Path | None = None
        monkeypatch.setattr(
            TuneController, "save_to_dir", copying(self, TuneController.save_to_dir)
        )

    def add(self, staging: Path) -> None:
        """Copies a save, unless the record is that of the one before."""
        self.staging = staging
        if not self.copies or self._records(staging) != self._records(self.copies[-1]):
            copy = self.folder / f"save_{len(self.copies)}"
            shutil.copytree(staging, copy)
            self.copies.append(copy)

    def mix(self, older: int, newer: int, newer_files: list[str], folder: Path) -> Path:
        """An experiment's folder with files of two saves; the driver's own copies are lost."""
        shutil.copytree(self.copies[older], folder)
        for name in newer_files:
            for path in self.copies[newer].glob(f"{name}*"):
                shutil.copy(path, folder / path.name)
        shutil.copy(self.folder / "run" / "tuner.pkl", folder)
        assert self.staging is not None
        shutil.rmtree(self.staging, ignore_errors=True)  # gone if no restore has used it
        return folder

    @staticmethod
    def _records(folder: Path) -> list[bytes]:
        return [path.read_bytes() for path in folder.glob("ray_nas_record-*")]


def copying(saves: Saves, save: Any) -> Any:
    """Tune's `save_to_dir`, whose files are copied; the searcher finds the controller by `self`."""

    def save_to_dir(self: TuneController) -> None:
        save(self)
        saves.add(Path(self._storage.experiment_driver_staging_path))

    return save_to_dir


def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, mixes: int) -> None:
    monkeypatch.setenv("TUNE_GLOBAL_CHECKPOINT_S", "0")
    rng = random.Random(seed)
    searcher: Any = RegularizedEvolution(
        NASBench201(), "score", "max", seed=seed, population_size=4, tournament_size=2
    )
    if seed % 2:
        searcher = ConcurrencyLimiter(searcher, max_concurrent=2)
    with monkeypatch.context() as patch:
        saves = Saves(tmp_path, patch)
        tune.Tuner(
            trainable(),
            tune_config=tune.TuneConfig(
                search_alg=searcher, num_samples=NUM_SAMPLES, reuse_actors=True
            ),
            run_config=tune.RunConfig(
                name="run", storage_path=str(tmp_path), verbose=0, callbacks=[]
            ),
        ).fit()
    for number in range(mixes):
        newer = rng.randrange(1, len(saves.copies))
        older = max(0, newer - rng.choice([1, 1, 2]))
        files = rng.sample(FILES, rng.randint(1, 3))
        folder = saves.mix(older, newer, files, tmp_path / f"mix_{number}")
        results = tune.Tuner.restore(str(folder), trainable()).fit()
        trials = record.load(folder).trials
        case = f"{files} of save {newer}, the rest of save {older}"
        assert len(results) == NUM_SAMPLES, case
        assert {trial.status for trial in trials.values()} == {"completed"}, case
        assert all(len(trial.reports) >= 1 for trial in trials.values()), case
        assert NUM_SAMPLES <= len(trials) <= NUM_SAMPLES + 2, case


@pytest.mark.parametrize("seed", range(2))
def test_they_are_restored_and_every_trial_ends_once(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(tmp_path, monkeypatch, seed, mixes=4)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 8))
def test_any_mix_is_restored(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(tmp_path, monkeypatch, seed, mixes=40)
