"""What Tune writes about trials is found without unpickling; fails when Ray changes it."""

from pathlib import Path

import pytest
import torch
from local_ray import local_ray
from ray import tune

from ray_nas.trials import read_checkpoint, save_checkpoint
from ray_nas.tune_internals.experiment_folder import ExperimentFolder

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tune.Result]:
    folder = tmp_path_factory.mktemp("results")

    def train(config: dict[str, float]) -> None:
        network = torch.nn.Linear(1, 1)
        for epoch in range(2):
            torch.nn.init.constant_(network.weight, config["net"]["weight"] + epoch)
            with save_checkpoint(network) as checkpoint:
                tune.report({"epoch": epoch}, checkpoint=checkpoint)

    with local_ray():
        run_config = tune.RunConfig(name="search", storage_path=str(folder), verbose=0)
        param_space = {"net": {"weight": 5.0}, "name": "words"}
        results = tune.Tuner(train, param_space=param_space, run_config=run_config).fit()
    return folder / "search", results[0]


def test_folders_configs_and_checkpoints_are_found(experiment: tuple[Path, tune.Result]) -> None:
    place, result = experiment
    trial_id = result.metrics["trial_id"]
    for where in (place, f"file://{place}"):
        folder = ExperimentFolder(where)
        assert folder.trial_folders() == {trial_id: Path(result.path).name}
        assert folder.trial_configs() == {trial_id: {"net": {"weight": 5.0}, "name": "words"}}
        checkpoint = folder.newest_checkpoint(trial_id)
        assert checkpoint is not None
        assert Path(checkpoint.path).name == Path(result.checkpoint.path).name
        assert read_checkpoint(checkpoint)[0]["weight"].item() == 6.0
        assert folder.newest_checkpoint("other") is None
        assert folder.checkpoint("other/checkpoint_000000") is None
