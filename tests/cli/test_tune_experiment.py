"""From command-line values to a Tune experiment."""

import math

import ConfigSpace as CS
import pytest
from torch import nn

from ray_nas.cli.tune_experiment import SearchSettings, _make_searcher, absolute, as_space
from ray_nas.searchers import LocalSearch, OneShot
from ray_nas.spaces import LayerChoice, NASBench201


def test_as_space_takes_what_users_have() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = LayerChoice("layer", [nn.Identity, nn.ReLU])

    assert as_space(Net).size == 2
    assert as_space(CS.ConfigurationSpace({"x": (0.0, 1.0)})).size == math.inf


def test_other_objects_are_not_spaces() -> None:
    with pytest.raises(ValueError, match=r"SPACE must be a SearchSpace.*, got int"):
        as_space(3)


def settings(searcher: str) -> SearchSettings:
    return SearchSettings(searcher, "loss", "min", 10, {"cpu": 1}, seed=1)


def test_searchers_are_made_by_name(cells: NASBench201) -> None:
    assert isinstance(_make_searcher(settings("LocalSearch"), cells), LocalSearch)
    assert isinstance(_make_searcher(settings("OneShot"), cells), OneShot)
    with pytest.raises(ValueError, match=r"--searcher must be one of .*OneShot, got 'Luck'"):
        _make_searcher(settings("Luck"), cells)


def test_paths_become_absolute_and_uris_stay(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("runs") == str(tmp_path / "runs")
    assert absolute("s3://bucket/runs") == "s3://bucket/runs"
