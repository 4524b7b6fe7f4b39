"""A trial's trained network becomes a file, or an error says what is missing."""

import hashlib
import json
import sys
from pathlib import Path

import pytest
import torch
from searched_experiment import trained_state, write_experiment, write_weights
from torch import nn

from ray_nas.export import ExportError, export, network_export
from ray_nas.export.separate_process import ExportedFile, outputs_here
from ray_nas.record import files as record_files
from ray_nas.spaces import MLPSpace, NASBench201

SPACE = MLPSpace(4, 3, max_layers=2, widths=(4, 8), dropouts=(0.0,))
CONFIGS = [SPACE.sample(random_state=seed) for seed in range(3)]
INPUTS = torch.rand(5, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    folder = tmp_path / "search"
    write_experiment(folder, SPACE, CONFIGS)
    for number, config in enumerate(CONFIGS):
        write_weights(folder, f"t{number}", trained_state(SPACE, config, seed=number), epoch=3)
    return folder


def exported(experiment: Path, **more: object) -> network_export.Exported:
    arguments = {"space": SPACE, "path": experiment / "winner.pt", "example_inputs": INPUTS}
    return export(experiment, **{**arguments, **more})  # type: ignore[arg-type]


def test_the_best_trial_is_exported_with_its_module_and_card(experiment: Path) -> None:
    labels = torch.arange(5) % 3
    done = exported(experiment, data=(INPUTS, labels), about={"data": "noise"})
    assert (done.trial, done.weights, done.largest_difference) == ("t2", "trial", 0.0)
    assert [path.name for path in done.files] == [
        "winner.pt",
        "winner_model.py",
        "winner.pt.card.json",
        "winner.pt.card.md",
    ]
    network = SPACE.build(CONFIGS[2])
    network.load_state_dict(trained_state(SPACE, CONFIGS[2], seed=2))
    right = network.eval()(INPUTS).argmax(1) == labels
    assert done.accuracy == pytest.approx(right.float().mean().item())
    card = json.loads((experiment / "winner.pt.card.json").read_text())
    assert card == done.card
    assert card["network"]["architecture"] == CONFIGS[2]
    assert card["weights"]["saved with"] == {"epoch": 3}
    assert card["search"]["seed"] == 1
    assert card["search"]["seconds in trials"] == 4.5
    assert card["check"]["batch"] == "any"
    checksum = hashlib.sha256((experiment / "winner.pt").read_bytes()).hexdigest()
    assert card["check"]["files"]["winner.pt"]["sha256"] == checksum
    assert "noise" in (experiment / "winner.pt.card.md").read_text()
    assert not list(experiment.glob(".export*"))


def test_a_file_that_computes_something_else_is_not_written(
    experiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(files: list[ExportedFile]) -> list[object]:
        network = SPACE.build(CONFIGS[2])
        network.load_state_dict(trained_state(SPACE, CONFIGS[2], seed=2))
        right = [outputs_here(network, file.inputs) for file in files]
        return [[[array + 1e-3 for array in call] for call in part] for part in right]

    monkeypatch.setattr(network_export, "outputs_alone", wrong)
    with pytest.raises(
        ExportError, match=r"winner\.pt computes something else .* differ by 0\.001"
    ):
        exported(experiment)
    assert not list(experiment.glob("winner*"))


def test_an_experiment_without_a_record_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"{record_files.RECORD_FILES[:14]}.*{tmp_path}"):
        exported(tmp_path)


def test_a_half_written_record_is_named(experiment: Path) -> None:
    (record,) = experiment.glob(record_files.RECORD_FILES)
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(lines[0] + lines[1][:20] + b"\n" + lines[2])
    with pytest.raises(ValueError, match=f"{record} .*line 2"):
        exported(experiment)
    record.write_bytes(lines[0][:30])
    with pytest.raises(ValueError, match=f"{record} .* is being copied"):
        exported(experiment)


def test_a_record_of_another_version_is_named(tmp_path: Path) -> None:
    record = write_experiment(tmp_path, SPACE, CONFIGS, version=1)
    with pytest.raises(ValueError, match=f"{record} .*read it with the package version that wrote"):
        exported(tmp_path)


def test_a_winner_without_a_checkpoint_says_how_to_get_one(tmp_path: Path) -> None:
    write_experiment(tmp_path / "search", SPACE, CONFIGS)
    message = r"trial t2 of .*search has no checkpoint: .*save_checkpoint.*ray-nas retrain"
    with pytest.raises(ExportError, match=message):
        exported(tmp_path / "search")


def test_a_checkpoint_that_is_not_ours_is_named(experiment: Path) -> None:
    checkpoint = experiment / "trial_t2" / "checkpoint_000000"
    (checkpoint / "tensors.safetensors").rename(checkpoint / "model.pt")
    with pytest.raises(ExportError, match=f"{checkpoint} has no tensors.*save_checkpoint"):
        exported(experiment)


def test_a_checkpoint_of_another_network_is_named(experiment: Path) -> None:
    write_weights(experiment, "t2", {"other": torch.zeros(1)}, number=1)
    with pytest.raises(ExportError, match="checkpoint_000001 does not fit the network"):
        exported(experiment)


def test_an_unknown_trial_is_refused_with_known_ones(experiment: Path) -> None:
    with pytest.raises(ValueError, match=r"no trial 'x' among its 3 trials \(t0, t1, t2, \.\.\.\)"):
        exported(experiment, trial="x")


def test_another_space_is_refused_with_what_differs(experiment: Path) -> None:
    other = MLPSpace(4, 3, max_layers=2, widths=(4, 16), dropouts=(0.0,))
    message = r"did not search this space .*'layer_0.width' is .*\[4, 8\].* there, .*\[4, 16\]"
    with pytest.raises(ValueError, match=message):
        exported(experiment, space=other)


def test_a_missing_state_of_tune_is_named(experiment: Path) -> None:
    (state,) = experiment.glob("experiment_state-*.json")
    state.write_text("{")
    with pytest.raises(ValueError, match=f"{state} is damaged"):
        exported(experiment)
    state.unlink()
    with pytest.raises(ValueError, match=r"has no experiment_state-\*\.json"):
        exported(experiment)


def test_a_missing_extra_says_how_to_install_it(
    experiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r'needs onnxscript: pip install "ray-nas\[onnx\]"'):
        exported(experiment, format="onnx")


def test_wrong_arguments_are_named(experiment: Path) -> None:
    with pytest.raises(ValueError, match=r"format must be one of state_dict, .* got 'pickle'"):
        exported(experiment, format="pickle")
    with pytest.raises(TypeError, match=r"example_inputs must be a tensor .* got list"):
        exported(experiment, example_inputs=[1.0])
    with pytest.raises(TypeError, match=r"space must be a ModelSpace, .* got Linear"):
        exported(experiment, space=nn.Linear(1, 1))
    with pytest.raises(ValueError, match=r"path must be in an existing folder, .*nowhere"):
        exported(experiment, path=experiment / "nowhere" / "winner.pt")


def test_the_trial_of_a_space_in_param_space_is_found(tmp_path: Path) -> None:
    from ray import tune

    from ray_nas.export.trained_network import trained_network
    from ray_nas.record import load
    from ray_nas.retraining.searched_space import check_space
    from ray_nas.spaces import JointSpace
    from ray_nas.tune_internals.experiment_folder import ExperimentFolder

    cells = NASBench201(2, 1, in_channels=1)
    joint = JointSpace(None, {"arch": cells, "lr": tune.loguniform(1e-4, 1e-1)})
    config = joint.sample(random_state=0)
    folder = tmp_path / "search"
    write_experiment(folder, joint, [config], tune_configs={"t0": joint.to_tune(config)})
    own = joint.to_tune(config)["arch"]
    write_weights(folder, "t0", trained_state(cells, own))
    record = load(folder)
    check_space(record, cells, folder)
    found = trained_network(ExperimentFolder(folder), record.trials["t0"], cells)
    assert found.config == own
