"""BOHB's density model."""

from typing import Any

import ConfigSpace as CS
import numpy as np
import pytest

pytest.importorskip("hpbandster", reason='the extra "bohb" wants a C compiler')
import statsmodels.api as sm

from ray_nas.searchers import BOHB
from ray_nas.searchers.models.kernel_density import KDEModel
from ray_nas.spaces import NASBench201, SearchSpace


def model_of(space: SearchSpace, **arguments: Any) -> KDEModel:
    return BOHB(space, "loss", "min", **{"seed": 0, **arguments}).model


def fill(model: KDEModel, space: SearchSpace, count: int, budget: float = 1.0) -> None:
    rng = np.random.default_rng(1)
    for number in range(count):
        config = space.sample(random_state=rng)
        model.observe(f"{budget}:{number}", config, budget, float(rng.random()))


def test_bandwidths_follow_the_normal_reference_rule(cells: NASBench201) -> None:
    space = SearchSpace(CS.ConfigurationSpace({"a": (0.0, 1.0), "b": (0.0, 1.0), "c": ["x", "y"]}))
    model = model_of(space)
    fill(model, space, 100)
    model.propose()
    for density in model.kde_models.values():
        theirs = sm.nonparametric.KDEMultivariate(
            data=density.data, var_type="ccu", bw="normal_reference", rng=0
        ).bw
        np.testing.assert_allclose(density.bandwidths, np.minimum(theirs, [np.inf, np.inf, 0.5]))


def test_inactive_parameters_are_filled_in_from_other_rows(small_space: SearchSpace) -> None:
    model = model_of(small_space)
    data = np.array([[0.0, 1.0, np.nan], [1.0, 2.0, 1.0], [0.5, 0.0, np.nan], [1.0, 0.0, 1.0]])
    filled = model.impute_conditional_data(data)
    assert filled[:, 2].tolist() == [1.0, 1.0, 1.0, 1.0]
    np.testing.assert_array_equal(filled[:, :2], data[:, :2])
    assert set(model.impute_conditional_data(data[[0, 2]])[:, 2]) <= {0.0, 1.0}  # no row has it


def test_stand_ins_of_inactive_parameters_come_from_the_seeded_generator(
    mixed_space: SearchSpace,
) -> None:
    model = model_of(mixed_space)
    rng = np.random.default_rng(3)
    data = np.array([model._to_vector(mixed_space.sample(random_state=rng)) for _ in range(60)])
    filled = [model_of(mixed_space, seed=seed).impute_conditional_data(data) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(filled[0], filled[1])
    assert not np.array_equal(filled[0], filled[2])


def test_values_survive_the_model(mixed_space: SearchSpace) -> None:
    model = model_of(mixed_space)
    assert len(model.vartypes) == 7, "the constant takes no dimension"
    rng = np.random.default_rng(2)
    for _ in range(50):
        config = mixed_space.sample(random_state=rng)
        vector = np.nan_to_num(model._to_vector(config))
        assert model._to_config(vector) == pytest.approx(config)


def test_forbidden_candidates_are_passed_over_for_the_next_best() -> None:
    config_space = CS.ConfigurationSpace(
        {"a": CS.Categorical("a", list("pqr")), "b": CS.Categorical("b", list("qrp"))}
    )
    for value in "pqr":
        config_space.add(
            CS.ForbiddenAndConjunction(
                *(CS.ForbiddenEqualsClause(config_space[name], value) for name in "ab")
            )
        )
    space = SearchSpace(config_space)
    model = model_of(space, random_fraction=0.0)
    fill(model, space, 60)
    picks = [model.propose() for _ in range(100)]
    assert all(from_model and config["a"] != config["b"] for config, from_model in picks)


def test_the_model_is_that_of_the_largest_budget_with_enough_and_forgets_smaller_ones(
    cells: NASBench201,
) -> None:
    model = model_of(cells)
    fill(model, cells, 50, budget=1.0)
    fill(model, cells, 13, budget=3.0)
    model.propose()
    assert len(model.kde_models["bad"].data) == 43
    assert set(model.losses) == {1.0, 3.0}
    fill(model, cells, 14, budget=3.0)
    model.propose()
    assert (len(model.kde_models["good"].data), len(model.kde_models["bad"].data)) == (7, 7)
    assert set(model.losses) == {3.0}


def test_failed_trials_are_bad_on_every_budget_and_never_good(cells: NASBench201) -> None:
    model = model_of(cells)
    broken = dict.fromkeys(cells.config_space, "none")
    fill(model, cells, 10)
    for number in range(40):
        model.observe(f"failed {number}", broken, 0.0, None)
    model.propose()
    failed = model._to_vector(broken)
    assert not (model.kde_models["good"].data == failed).all(axis=1).any()
    assert (model.kde_models["bad"].data == failed).all(axis=1).sum() == 40
