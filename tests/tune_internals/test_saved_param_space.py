"""The `param_space` that Tune saved; fails when Ray changes what is relied on.

`tests/searchers/test_restore.py` tests it in real experiments.
"""

from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.experiment import Experiment
from ray.tune.impl.placeholder import create_resolvers_map, inject_placeholders
from ray.tune.search import SearchGenerator

from ray_nas.searchers import RandomSearch
from ray_nas.spaces import NASBench201
from ray_nas.state.state_file import StateError
from ray_nas.tune_internals.saved_param_space import saved_param_space


@pytest.fixture
def save(tmp_path: Path) -> Any:
    """Saves an experiment with a `param_space` as Tune does; returns the folder."""

    def save(param_space: dict[str, Any], cells: NASBench201) -> Path:
        config = inject_placeholders(param_space, create_resolvers_map())
        experiment = Experiment(
            "saved", lambda config: None, config=config, storage_path=str(tmp_path)
        )
        generator = SearchGenerator(RandomSearch(cells, metric="score", mode="max", seed=1))
        generator.add_configurations(experiment)
        generator.save_to_dir(str(tmp_path), session_str="1")
        return tmp_path

    return save


@pytest.fixture
def restoring(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stands in for `tune.run`, called by `Tuner.restore` with a `param_space` or without one."""

    def run(folder: Path, config: dict[str, Any] | None = None) -> dict[str, Any]:
        return saved_param_space(folder)

    monkeypatch.setattr(tune, "run", run)
    return run


def test_outside_of_tune_there_is_none(tmp_path: Path) -> None:
    assert saved_param_space(tmp_path) == {}


def test_domains_and_spaces_come_back(save: Any, restoring: Any, cells: NASBench201) -> None:
    param_space = {"arch": cells, "lr": tune.uniform(0.1, 0.2), "nested": {"note": "kept"}}
    found = restoring(save(param_space, cells))
    assert list(found) == ["arch", "lr", "nested"]
    assert found["arch"].config_space == cells.config_space
    assert (found["lr"].lower, found["lr"].upper) == (0.1, 0.2)
    assert found["nested"] == {"note": "kept"}


def test_a_param_space_that_is_given_again_wins(
    save: Any, restoring: Any, cells: NASBench201
) -> None:
    assert restoring(save({"lr": 0.1}, cells), config={"lr": 0.2}) == {}


@pytest.mark.parametrize(
    ("param_space", "name"),
    [
        ({"twice": tune.sample_from(lambda config: 2)}, "twice"),
        ({"model": {"act": tune.choice([1, lambda x: x])}}, "model.act.1"),
    ],
)
def test_what_tune_does_not_save_is_an_error(
    save: Any, restoring: Any, cells: NASBench201, param_space: dict[str, Any], name: str
) -> None:
    with pytest.raises(StateError, match=rf"param_space\['{name}'\] is a function or an object"):
        restoring(save(param_space, cells))
