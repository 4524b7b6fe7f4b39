"""Scoring many networks leaves nothing behind."""

import gc
import resource

import torch
from networks_to_score import conv_net, images

from ray_nas.estimators import proxies
from ray_nas.estimators.proxies import PROXIES


def live_tensors() -> int:
    gc.collect()
    return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_memory_is_flat_over_many_networks() -> None:
    def score_networks(number: int) -> None:
        for _ in range(number):
            proxies.score(conv_net(), list(PROXIES), images(), rng=torch.Generator())

    score_networks(10)
    tensors, megabytes = live_tensors(), peak_megabytes()
    score_networks(50)
    assert live_tensors() <= tensors
    assert peak_megabytes() < megabytes + 8
