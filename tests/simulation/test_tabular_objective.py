import numpy as np
import pandas as pd
import pytest
from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, EqualsCondition
from ray.tune.schedulers import ASHAScheduler

from ray_nas.searchers import GridSearch, RandomSearch
from ray_nas.simulation import TabularObjective, simulate
from ray_nas.spaces import NASBench201


@pytest.fixture
def space() -> ConfigurationSpace:
    space = ConfigurationSpace()
    depth, third = (
        CategoricalHyperparameter("depth", [1, 2, 3]),
        CategoricalHyperparameter("third_op", ["conv", "pool"]),
    )
    space.add(depth, third, EqualsCondition(third, depth, 3))
    return space


@pytest.fixture
def frame() -> pd.DataFrame:
    """Three epochs of four architectures, each trained twice; the rows in no order."""
    rows = []
    for depth, third in ((1, None), (2, None), (3, "conv"), (3, "pool")):
        for seed in (0, 1):
            for epoch in (1, 2, 3):
                loss = depth + (third == "pool") + 0.1 * seed - 0.01 * epoch
                rows.append(
                    {
                        "depth": depth,
                        "third_op": third,
                        "seed": seed,
                        "epoch": epoch,
                        "loss": loss,
                        "wall": 10.0 * depth,
                    }
                )
    return pd.DataFrame(rows).sample(frac=1.0, random_state=0)


def table(frame: pd.DataFrame, **arguments: object) -> TabularObjective:
    return TabularObjective(
        frame,
        ["depth", "third_op"],
        ["loss"],
        **{"seconds": "wall", "fidelity": "epoch", "repeat": "seed", **arguments},
    )


def test_reports_follow_the_fidelity_and_average_the_repeats(frame: pd.DataFrame) -> None:
    reports = list(table(frame)({"depth": 3, "third_op": "pool"}))
    assert [seconds for seconds, _ in reports] == [30.0] * 3
    assert [metrics["epoch"] for _, metrics in reports] == [1, 2, 3]
    assert [metrics["loss"] for _, metrics in reports] == pytest.approx([4.04, 4.03, 4.02])


def test_empty_cells_are_inactive_parameters(frame: pd.DataFrame) -> None:
    assert len(list(table(frame)({"depth": 1}))) == 3
    with pytest.raises(ValueError, match="not in the table"):
        list(table(frame)({"depth": 1, "third_op": "conv"}))


def test_a_noisy_trial_follows_one_training(frame: pd.DataFrame) -> None:
    objective = table(frame, noisy=True)
    seen = {
        tuple(
            round(m["loss"], 6) for _, m in objective({"depth": 1}, rng=np.random.default_rng(seed))
        )
        for seed in range(20)
    }
    assert seen == {(0.99, 0.98, 0.97), (1.09, 1.08, 1.07)}
    with pytest.raises(ValueError, match="rng must be a numpy generator"):
        list(objective({"depth": 1}))


def test_values_are_those_at_the_end(frame: pd.DataFrame) -> None:
    assert sorted(table(frame).values("loss")) == pytest.approx([1.02, 2.02, 3.02, 4.02])
    assert len(table(frame)) == 4


def test_a_search_on_it_pays_its_cost(frame: pd.DataFrame, space: ConfigurationSpace) -> None:
    history = simulate(table(frame), GridSearch(space, "loss", "min"))
    assert history.seconds == 3 * (10 + 20 + 30 + 30)
    assert history.best.config == {"depth": 1}
    stopped = simulate(
        table(frame),
        GridSearch(space, "loss", "min"),
        ASHAScheduler(time_attr="epoch", max_t=3, reduction_factor=3),
    )
    assert stopped.seconds < history.seconds


def test_without_a_cost_each_report_takes_a_second(frame: pd.DataFrame) -> None:
    assert [seconds for seconds, _ in table(frame, seconds=None)({"depth": 1})] == [1.0, 1.0, 1.0]


def test_configs_may_be_named_otherwise() -> None:
    space = NASBench201(2, 1)
    config = space.sample(random_state=0)
    frame = pd.DataFrame({"arch_str": [space.to_arch_str(config)], "accuracy": [90.0]})
    objective = TabularObjective(
        frame, ["arch_str"], ["accuracy"], to_parameters=lambda config: [space.to_arch_str(config)]
    )
    assert list(objective(config)) == [(1.0, {"accuracy": 90.0})]


def test_a_config_that_the_table_lacks_is_a_failed_trial(
    frame: pd.DataFrame, space: ConfigurationSpace
) -> None:
    history = simulate(table(frame[frame.depth == 1]), RandomSearch(space, "loss", "min", seed=0))
    assert {trial.status: trial.config["depth"] == 1 for trial in history.trials} == {
        "TERMINATED": True,
        "ERROR": False,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seconds": "cost"}, r"frame has no columns \['cost'\]"),
        ({"repeat": None}, r"12 rows with the same \['depth', 'third_op', 'epoch'\] as another"),
    ],
)
def test_frames_are_checked(frame: pd.DataFrame, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        table(frame, **arguments)
