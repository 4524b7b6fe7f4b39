"""Tune's domains give, as hyperparameters, what Tune's own sampler gives."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from ray import tune
from ray.tune.search.sample import Domain

from ray_nas.spaces import JointSpace
from ray_nas.spaces.core import parameters
from ray_nas.spaces.core.tune_domains import from_domain


def values(domain: Domain) -> set[Any]:
    """All that may be proposed."""
    parameter = from_domain("a", domain)
    return {parameter.to_tune(value) for value in parameters.all_values(parameter.hyperparameter)}


@pytest.mark.parametrize(
    "domain",
    [
        tune.randint(1, 10),
        tune.lograndint(1, 10),
        tune.qrandint(8, 100, 32),
        tune.qrandint(1, 10, 3),
        tune.qrandint(-10, 10, 4),
        tune.qrandint(1, 10, 1),
        tune.qrandint(30, 40, 32),
        tune.qlograndint(1, 100, 10),
        tune.qlograndint(8, 100, 32),
        tune.quniform(0.1, 0.9, 0.1),
        tune.quniform(-16, 64, 16),
        tune.qloguniform(0.1, 1.0, 0.1),
        tune.qrandn(50.0, 1.0, 100.0),
    ],
    ids=lambda domain: f"{domain.domain_str}-{getattr(domain.get_sampler(), 'q', None)}",
)
def test_the_values_are_those_of_tunes_own_sampler(domain: Domain) -> None:
    try:
        drawn = domain.sample(size=5_000, random_state=np.random.default_rng(0))
    except ValueError as error:  # Ray 2.43 cannot draw its own qrandint(30, 40, 32)
        if str(error) != "low >= high":
            raise
        pytest.skip("this Ray cannot draw from it")
    assert {round(value, 9) for value in values(domain)} == {round(value, 9) for value in drawn}


@pytest.mark.parametrize(
    ("mean", "sd", "step"), [(0.0, 1.0, 0.5), (50.0, 1.0, 3.0), (3.0, 1.0, 1), (10.0, 2.0, 0.1)]
)
def test_a_quantised_normal_is_one(mean: float, sd: float, step: float) -> None:
    domain, rng = tune.qrandn(mean, sd, step), np.random.default_rng(0)
    space = JointSpace(None, {"a": domain})
    ours = np.array([space.to_tune(space.sample(random_state=rng))["a"] for _ in range(2_000)])
    tunes = np.array(domain.sample(size=20_000, random_state=rng))
    assert ours.mean() == pytest.approx(tunes.mean(), abs=0.1 * sd)
    assert ours.std() == pytest.approx(tunes.std(), rel=0.06)
    assert ours / step == pytest.approx(np.round(ours / step))
    if step >= sd:
        shares = Counter(np.round(ours / step))
        for index, number in Counter(np.round(tunes / step)).items():
            assert shares[index] / len(ours) == pytest.approx(number / len(tunes), abs=0.04)


def test_a_range_without_a_value_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"param_space\['a'\]: the range \[1, 10\] holds no multiple of 32"
    ):
        from_domain("a", tune.qrandint(1, 10, 32))
    with pytest.raises(
        ValueError, match=r"param_space\['a'\]: the range \[3, 3\) holds no integer"
    ):
        from_domain("a", tune.randint(3, 3))
