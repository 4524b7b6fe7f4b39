"""A local Ray for the tests of a module."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray


@contextmanager
def local_ray(num_cpus: int = 1, num_gpus: int = 0, **more: Any) -> Iterator[None]:
    """A local Ray; its logical resources do not depend on the machine."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from Ray's own start
        ray.init(
            address="local",
            num_cpus=num_cpus,
            num_gpus=num_gpus,
            include_dashboard=False,
            log_to_driver=False,
            **more,
        )
    try:
        yield
    finally:
        ray.shutdown()
