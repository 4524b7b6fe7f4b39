"""A space is recognised, alone and inside Tune's param_space, and another one refused."""

from pathlib import Path

import pytest
from ray import tune
from searched_experiment import write_experiment

from ray_nas.record import load
from ray_nas.retraining.searched_space import check_space, own_config
from ray_nas.spaces import JointSpace, MLPSpace

SPACE = MLPSpace(4, 3, max_layers=2)
OTHER = MLPSpace(4, 3, max_layers=3)


def test_a_space_is_recognised_alone_and_in_param_space(tmp_path: Path) -> None:
    nested = JointSpace(None, {"net": {"arch": SPACE}, "lr": tune.loguniform(1e-4, 1e-1)})
    beside = JointSpace(SPACE, {"lr": tune.loguniform(1e-4, 1e-1)})
    for number, searched in enumerate((SPACE, nested, beside)):
        folder = tmp_path / str(number)
        config = searched.sample(random_state=0)
        write_experiment(folder, searched, [config])
        record = load(folder)
        check_space(record, SPACE, folder)
        SPACE.validate(own_config(SPACE, config))
        with pytest.raises(ValueError, match=f"{folder} did not search .*pass the space"):
            check_space(record, OTHER, folder)


def test_an_old_record_without_domains_is_checked_by_hash(tmp_path: Path) -> None:
    write_experiment(tmp_path, SPACE, [SPACE.sample(random_state=0)], domains=False)
    check_space(load(tmp_path), SPACE, tmp_path)
    with pytest.raises(ValueError, match=r"\(hash \w+ there, \w+ here\)"):
        check_space(load(tmp_path), OTHER, tmp_path)


def test_a_config_of_another_space_is_refused() -> None:
    with pytest.raises(ValueError, match="activation"):
        own_config(SPACE, {"lr": 0.1})
