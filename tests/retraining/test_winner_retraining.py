"""What is trained again, and with which configs; the page `docs/export.md` runs it on Ray."""

from pathlib import Path
from typing import Any

import pytest
from ray import tune
from searched_experiment import write_experiment

from ray_nas.retraining import RetrainedTrial, Retraining, load_retraining, retrain
from ray_nas.retraining.results import save_retraining
from ray_nas.retraining.winner_retraining import Plan, make_plan
from ray_nas.spaces import JointSpace, MLPSpace

SPACE = MLPSpace(4, 3, max_layers=2, widths=(4, 8))
CONFIGS = [SPACE.sample(random_state=seed) for seed in range(3)]


def plan(folder: Path, **more: Any) -> Plan:
    arguments = {"space": SPACE, "trial": "best", "seeds": 2, "seed_key": "seed", "replaced": {}}
    return make_plan(folder, **{**arguments, **more})


def test_winner_and_baseline_are_trained_with_each_seed(tmp_path: Path) -> None:
    write_experiment(tmp_path, SPACE, CONFIGS, baseline=True)
    found = plan(tmp_path)
    assert [(run.trial, run.seed) for run in found.runs] == [
        *(("t2", 0), ("t2", 1)),
        *(("baseline", 0), ("baseline", 1)),
    ]
    assert found.configs == [
        {**CONFIGS[number], "seed": seed} for number in (2, 0) for seed in range(2)
    ]
    assert (found.metric, found.mode, found.winner) == ("accuracy", "max", "t2")


def test_a_trial_is_trained_with_all_that_tune_passed_to_it(tmp_path: Path) -> None:
    joint = JointSpace(None, {"arch": SPACE, "lr": tune.loguniform(1e-4, 1e-1)})
    config = joint.sample(random_state=0)
    given = {**joint.to_tune(config), "data": "cifar10", "inherit_from": "t_a/checkpoint_000001"}
    write_experiment(tmp_path, joint, [config], tune_configs={"t0": given})
    found = plan(tmp_path, seeds=1, seed_key="random_seed")
    expected = {**joint.to_tune(config), "data": "cifar10", "random_seed": 0}
    assert found.configs == [expected]
    assert found.runs[0].config == config


def test_objects_in_the_config_must_be_passed_again(tmp_path: Path) -> None:
    pickled = {"_type": "CLOUDPICKLE_FALLBACK", "value": "80059500"}
    given = {**CONFIGS[0], "data": pickled, "epochs": 3}
    write_experiment(tmp_path, SPACE, CONFIGS[:1], tune_configs={"t0": given})
    with pytest.raises(ValueError, match=r"config\['data'\] of the trials in .* pass it again"):
        plan(tmp_path)
    found = plan(tmp_path, seeds=1, replaced={"data": "digits", "epochs": 200})
    assert found.configs == [{**CONFIGS[0], "data": "digits", "epochs": 200, "seed": 0}]
    found.add(found.runs[0])
    assert not plan(tmp_path, seeds=1, replaced={"data": "digits", "epochs": 200}).runs
    longer = plan(tmp_path, seeds=1, replaced={"data": "digits", "epochs": 300})
    assert longer.runs[0].config["epochs"] == 300, "another training, although the seed is done"


def test_finished_trainings_are_kept_and_failed_ones_repeated(tmp_path: Path) -> None:
    write_experiment(tmp_path, SPACE, CONFIGS)
    done = [
        RetrainedTrial("t2", CONFIGS[2], 0, {"accuracy": 0.5, "test_accuracy": 0.4}),
        RetrainedTrial("t2", CONFIGS[2], 1, {}, "failed"),
        RetrainedTrial("t1", CONFIGS[1], 0, {"accuracy": 0.3}),
    ]
    save_retraining(tmp_path, Retraining(done, "accuracy", "max", None, "t2"))
    found = plan(tmp_path)
    assert [(run.trial, run.seed) for run in found.runs] == [("t2", 1)]
    found.add(RetrainedTrial("t2", CONFIGS[2], 1, {"accuracy": 0.6}))
    after = load_retraining(tmp_path)
    assert after is not None
    assert [(run.trial, run.seed) for run in after.trials] == [("t2", 0), ("t2", 1), ("t1", 0)]
    assert after.values("t2", "accuracy") == [0.5, 0.6]
    assert after.test_metric == "test_accuracy"
    assert not plan(tmp_path).runs


def test_with_nothing_left_to_train_ray_is_not_started(tmp_path: Path) -> None:
    write_experiment(tmp_path, SPACE, CONFIGS)
    done = [RetrainedTrial("t2", CONFIGS[2], 0, {"accuracy": 0.5})]
    save_retraining(tmp_path, Retraining(done, "accuracy", "max", None, "t2"))
    assert retrain(tmp_path, print, space=SPACE, seeds=1).trials == done


def test_wrong_arguments_are_named(tmp_path: Path) -> None:
    write_experiment(tmp_path, SPACE, CONFIGS)
    with pytest.raises(ValueError, match="seeds must be an integer >= 1, got 0"):
        retrain(tmp_path, print, space=SPACE, seeds=0)
    with pytest.raises(ValueError, match="trainable must be a function"):
        retrain(tmp_path, 3, space=SPACE)
    with pytest.raises(ValueError, match="must be a local folder, got s3://bucket"):
        retrain("s3://bucket/search", print, space=SPACE)
    with pytest.raises(ValueError, match="seed_key must not be a parameter of the space"):
        retrain(tmp_path, print, space=SPACE, seed_key="depth")
    with pytest.raises(ValueError, match="no trial 'x'"):
        retrain(tmp_path, print, space=SPACE, trial="x")
    with pytest.raises(ValueError, match="did not search this space"):
        retrain(tmp_path, print, space=MLPSpace(4, 3, max_layers=3))
