"""A Ray of two CPUs and two logical GPUs."""

from collections.abc import Iterator

import pytest
from local_ray import local_ray


@pytest.fixture(scope="module")
def runtime() -> Iterator[None]:
    with local_ray(num_cpus=2, num_gpus=2):
        yield
