"""What a report is made from: the winner, the space, and errors that name what is wrong."""

from pathlib import Path

import pytest
from made_record import evolved_trials, made_record, saved_record

from ray_nas.record import RecordError, TrialRecord
from ray_nas.record.events import VERSION, TrialEnded, TrialProposed, TrialReported
from ray_nas.report.experiment_data import ExperimentData, load_experiment, own_config
from ray_nas.retraining import Retraining
from ray_nas.spaces import MLPSpace, NASBench201


def test_the_winner_is_the_best_trial() -> None:
    data = ExperimentData("", made_record([{}, {"reports": [{"loss": -1.0}]}]))
    assert data.winner is not None
    assert data.winner.trial_id == "t1"
    assert ExperimentData("", made_record([{"status": "error"}])).winner is None


def test_a_trial_trained_from_scratch_beats_shared_weights() -> None:
    record = made_record([{"reports": [{"loss": 0.0}]}])
    record.apply(TrialProposed("again", {"x": 1}, "given", (), "retrain"))
    record.apply(TrialReported("again", {"loss": 0.5}))
    record.apply(TrialEnded("again", "completed"))
    winner = ExperimentData("", record).winner
    assert winner is not None
    assert winner.trial_id == "again"


def test_the_retrainings_winner_counts() -> None:
    retraining = Retraining([], "loss", "min", None, winner="t1")
    winner = ExperimentData("", made_record([{}, {}]), retraining).winner
    assert winner is not None
    assert winner.trial_id == "t1"


def test_a_space_under_a_key_is_found() -> None:
    space = NASBench201()
    config = space.sample(random_state=0)
    nested = {f"model.arch.{name}": value for name, value in config.items()}
    trial = TrialRecord("a", {**nested, "lr": 0.1}, "random", ())
    assert own_config(space, trial) == config


def test_another_space_is_refused() -> None:
    record = made_record(evolved_trials(), {"accuracy": "max"})
    load_experiment(record, space=NASBench201())
    with pytest.raises(ValueError, match=r"space must be the one that was searched; trial t0000"):
        load_experiment(record, space=MLPSpace(4, 3))
    with pytest.raises(ValueError, match="space must be a SearchSpace, got str"):
        load_experiment(record, space="space")  # type: ignore[arg-type]


def test_another_random_search_is_refused() -> None:
    other = made_record([{}], {"accuracy": "max"})
    with pytest.raises(ValueError, match=r"random_search must have the objective loss \(min\)"):
        load_experiment(made_record([{}]), random_search=other)


def test_no_record_a_damaged_one_and_another_version(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no ray_nas_record-\*.json"):
        load_experiment(tmp_path)
    path = Path(saved_record(tmp_path, [{}]))
    lines = path.read_text().splitlines()
    path.write_text(lines[0] + "\n{half\n" + lines[1] + "\n")
    with pytest.raises(RecordError, match=rf"{path.name} cannot be read, line 2"):
        load_experiment(tmp_path)
    path.write_text(lines[0].replace(f'"version":{VERSION}', '"version":99') + "\n")
    with pytest.raises(RecordError, match=rf"{path.name} .*version 99"):
        load_experiment(path)


def test_folder_and_file_are_the_same(tmp_path: Path) -> None:
    path = saved_record(tmp_path, [{}, {}])
    for place in (tmp_path, path, f"file://{tmp_path}"):
        assert len(load_experiment(place).record.trials) == 2
