"""A Ray of two CPUs and two logical GPUs."""

import warnings
from collections.abc import Iterator

import pytest
import ray


@pytest.fixture(scope="module")
def runtime() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own start
        ray.init(
            address="local", num_cpus=2, num_gpus=2, include_dashboard=False, log_to_driver=False
        )
    yield
    ray.shutdown()
