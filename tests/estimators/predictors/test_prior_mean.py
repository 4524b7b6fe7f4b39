"""Prior means learnt from measures that are known."""

import numpy as np
from ConfigSpace import ConfigurationSpace

from ray_nas.estimators.predictors.gaussian_process import GaussianProcess
from ray_nas.estimators.predictors.prior_mean import fit_prior_mean, parameter_count_prior
from ray_nas.spaces import ChainSpace, JointSpace, SearchSpace


def test_a_linear_measure_is_found_and_scaled_to_the_space() -> None:
    rng = np.random.default_rng(0)
    sample = rng.random((300, 6))
    slopes = np.array([3.0, -1.0, 0.0, 0.5, 0.0, 2.0])
    prior_mean = fit_prior_mean(sample[:60], sample[:60] @ slopes, sample)
    assert prior_mean is not None
    assert abs(prior_mean(sample).mean()) < 0.05
    assert abs(prior_mean(sample).std() - 1.0) < 0.05
    assert np.corrcoef(prior_mean(sample[60:]), sample[60:] @ slopes)[0, 1] > 0.999
    assert np.abs(prior_mean(100.0 * sample)).max() <= 3.0


def test_noise_and_constants_give_no_prior_mean() -> None:
    rng = np.random.default_rng(1)
    sample = rng.random((100, 5))
    assert fit_prior_mean(sample[:40], np.ones(40), sample) is None
    assert fit_prior_mean(np.ones((40, 5)), rng.random(40), sample) is None
    assert sum(fit_prior_mean(sample[:40], rng.random(40), sample) is None for _ in range(20)) >= 5


def test_parameter_counts_order_networks_that_were_not_counted() -> None:
    space = ChainSpace()
    configs = space.sample(size=110, random_state=np.random.default_rng(0))
    sample = np.array([space.features(config) for config in configs])
    prior_mean = parameter_count_prior(space, configs, sample)
    assert prior_mean is not None
    counts = [space.parameter_count(config) for config in configs[64:]]
    assert counts == [
        sum(parameter.numel() for parameter in space.build(config).parameters())
        for config in configs[64:]
    ]
    assert np.corrcoef(prior_mean(sample[64:]), np.log(counts))[0, 1] > 0.5
    assert parameter_count_prior(space, (), sample) is prior_mean


def test_a_space_without_networks_has_none() -> None:
    space = SearchSpace(ConfigurationSpace({"x": (0.0, 1.0), "op": ["a", "b"]}))
    configs = space.sample(size=70, random_state=np.random.default_rng(0))
    sample = np.array([space.features(config) for config in configs])
    assert parameter_count_prior(space, configs, sample) is None
    assert JointSpace(space, {}).parameter_count(configs[0]) is None


def test_the_belief_leads_before_data_and_yields_to_it() -> None:
    rng = np.random.default_rng(2)
    sample = rng.integers(0, 2, (200, 8)).astype(float)
    prior_mean = fit_prior_mean(sample, sample[:, 0] + 0.5 * sample[:, 1], sample)
    process, none = GaussianProcess(sample, prior_mean), np.zeros((0, 8))
    before, _ = process.condition(none, np.zeros(0), np.zeros(0), none).predict(sample)
    assert np.corrcoef(before, sample[:, 0])[0, 1] > 0.8
    seen = sample[:60]
    values = -(seen[:, 0] - seen[:, 0].mean()) / seen[:, 0].std()
    process.fit(seen, values, np.zeros(60))
    after, _ = process.condition(seen, values, np.zeros(60), none).predict(sample[60:])
    assert np.corrcoef(after, sample[60:, 0])[0, 1] < -0.8
