"""Proxies of one's own, by name."""

import pytest
import torch
from networks_to_score import conv_net, images
from torch import nn

from ray_nas.estimators import proxies
from ray_nas.estimators.proxies import PROXIES, proxy


def test_one_call_computes_all_values_of_a_proxy() -> None:
    calls = []

    @proxy("modes", "layers")
    def _modes(network: nn.Module, batch: object, rng: torch.Generator) -> tuple[float, float]:
        calls.append(network.training)
        return 1.0, float(len(list(network.modules())))

    try:
        rng = torch.Generator()
        values = proxies.score(conv_net().eval(), ["layers", "modes"], images(), rng=rng)
    finally:
        del PROXIES["modes"], PROXIES["layers"]
    assert (values, calls) == ({"layers": 15.0, "modes": 1.0}, [True])


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="must be new, but there is one named 'naswot'"):
        proxy("naswot")(PROXIES["naswot"].compute)
