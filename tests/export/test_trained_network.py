"""Weights come from a trial, from a part of a supernet, or from a retraining."""

from pathlib import Path

import pytest
import torch
from searched_experiment import trained_state, write_experiment, write_weights

from ray_nas.export import ExportError
from ray_nas.export.trained_network import trained_network
from ray_nas.record.experiment import TrialRecord
from ray_nas.retraining import RetrainedTrial, Retraining
from ray_nas.retraining.results import save_retraining
from ray_nas.spaces import MLPSpace, NASBench201
from ray_nas.trials.checkpoint import write_checkpoint
from ray_nas.tune_internals.experiment_folder import ExperimentFolder

SPACE = MLPSpace(4, 3, max_layers=1, widths=(4,))
CONFIG = SPACE.sample(random_state=0)


def test_the_newest_checkpoint_of_the_trial_is_read(tmp_path: Path) -> None:
    write_experiment(tmp_path, SPACE, [CONFIG])
    for number in (9, 10):
        write_weights(tmp_path, "t0", trained_state(SPACE, CONFIG, seed=number), number)
    found = trained_network(ExperimentFolder(tmp_path), TrialRecord("t0", CONFIG, "", ()), SPACE)
    expected = trained_state(SPACE, CONFIG, seed=10)
    assert all(torch.equal(one, expected[name]) for name, one in found.network.state_dict().items())
    assert (found.source, found.checkpoint[-17:]) == ("trial", "checkpoint_000010")
    with pytest.raises(ValueError, match=r"weights must be one of auto, .* got 'own'"):
        trained_network(
            ExperimentFolder(tmp_path),
            TrialRecord("t0", CONFIG, "", ()),
            SPACE,
            "own",  # type: ignore[arg-type]
        )


def test_a_retraining_comes_before_the_trial(tmp_path: Path) -> None:
    write_experiment(tmp_path, SPACE, [CONFIG])
    write_weights(tmp_path, "t0", trained_state(SPACE, CONFIG))
    folder, trial = ExperimentFolder(tmp_path), TrialRecord("t0", CONFIG, "", ())
    with pytest.raises(ExportError, match=r"no retraining of trial t0: run `ray-nas retrain"):
        trained_network(folder, trial, SPACE, "retraining")
    path = tmp_path / "ray_nas_retraining" / "t0-seed_4" / "checkpoint_000000"
    path.mkdir(parents=True)
    write_checkpoint(path, trained_state(SPACE, CONFIG, seed=1), {})
    runs = [RetrainedTrial("t0", CONFIG, 4, {"accuracy": 0.5})]
    save_retraining(tmp_path, Retraining(runs, "accuracy", "max", None, "t0"))
    found = trained_network(folder, trial, SPACE)
    assert (found.source, found.seed, found.metrics) == ("retraining", 4, {"accuracy": 0.5})
    assert trained_network(folder, trial, SPACE, "trial").source == "trial"


def test_a_part_of_a_supernet_has_its_own_batch_norms(tmp_path: Path) -> None:
    cells = NASBench201(2, 1, in_channels=1)
    config = dict.fromkeys(cells.choices, "nor_conv_3x3")
    supernet = cells.supernet()
    torch.nn.init.normal_(supernet.get_parameter("classifier.weight"))
    phases = {"t0": {"phase": "evaluate", "weights": "trial_t1/checkpoint_000000"}}
    write_experiment(tmp_path, cells, [config, config], tune_configs=phases)
    fields = {"epoch": 3, "space": cells.fingerprint}
    weights = {f"weights.{name}": one for name, one in supernet.state_dict().items()}
    write_weights(tmp_path, "t1", {**weights, "optimizer.0": torch.zeros(1)}, **fields)
    folder, trial = ExperimentFolder(tmp_path), TrialRecord("t0/1", config, "", ())
    with pytest.raises(ExportError, match=r"statistics mix all its networks: pass calibration="):
        trained_network(folder, trial, cells)
    batch = torch.rand(16, 1, 8, 8)
    batches = [(batch, torch.zeros(16))]
    found = trained_network(folder, trial, cells, calibration=batches)
    assert (found.source, found.fields) == ("supernet", fields)
    weight = supernet.get_parameter("classifier.weight")
    assert torch.equal(found.network.get_parameter("classifier.weight"), weight)
    assert not found.network.training
    with torch.no_grad():
        normed = found.network.layers[:2](batch)  # type: ignore[index]
    assert normed.mean().abs() < 0.1
    assert not torch.equal(
        found.network.get_buffer("layers.1.running_mean"),
        supernet.get_buffer("layers.1.running_mean"),
    )


def test_a_retrained_winner_of_one_shot_search_is_read(tmp_path: Path) -> None:
    write_experiment(tmp_path, SPACE, [CONFIG])
    state = trained_state(SPACE, CONFIG)
    tensors = {f"weights.{name}": one for name, one in state.items()}
    write_weights(tmp_path, "t0", {**tensors, "optimizer.0.step": torch.zeros(1)}, space="f00d")
    found = trained_network(ExperimentFolder(tmp_path), TrialRecord("t0", CONFIG, "", ()), SPACE)
    assert found.network.state_dict().keys() == state.keys()
