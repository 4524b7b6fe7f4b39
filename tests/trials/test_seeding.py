"""Seeding leaves torch's global generator unchanged."""

import torch

from ray_nas.trials.seeding import derive_seed, seeded


def test_the_generator_is_restored_even_after_an_error() -> None:
    before = torch.get_rng_state()
    try:
        with seeded(3):
            torch.rand(5)
            raise RuntimeError
    except RuntimeError:
        pass
    assert torch.equal(torch.get_rng_state(), before)


def test_seeds_depend_on_all_numbers_and_their_order() -> None:
    seeds = {derive_seed(*numbers) for numbers in [(1,), (1, 1), (1, 2), (2, 1)]}
    assert len(seeds) == 4
    assert all(0 <= seed < 2**32 for seed in seeds)
