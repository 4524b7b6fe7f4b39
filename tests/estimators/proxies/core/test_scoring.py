"""Arguments that are wrong, and proxies that cannot be computed."""

import pickle

import pytest
import torch
from networks_to_score import CASES, conv_net, images
from torch import nn

from ray_nas.estimators import proxies
from ray_nas.estimators.proxies import ProxyError


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_unknown_names_are_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"names must be in .*naswot.*, got 'nas_wot'"):
        proxies.score(conv_net(), ["params", "nas_wot"], images(), rng=rng())
    with pytest.raises(
        ValueError, match="names must be a sequence of names, got the text 'params'"
    ):
        proxies.score(conv_net(), "params", images(), rng=rng())


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (torch.zeros(4, 3), "batch must be a pair"),
        ((torch.zeros(4, 3), 3), "batch's labels must be a tensor or None, got int"),
        (("text", None), "batch's inputs must hold a tensor, got str"),
        ((torch.zeros(4, 3), torch.zeros(5)), "got sizes 4, 5"),
        ((torch.zeros(0, 3), None), "got sizes 0"),
        ((torch.zeros(()), None), "got sizes 0"),
    ],
)
def test_a_batch_that_is_none_is_an_error(batch: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        proxies.score(conv_net(), ["params"], batch, rng=rng())


@pytest.mark.parametrize(
    ("name", "case", "reason"),
    [
        ("naswot", "no_relu", "the network has no ReLU"),
        ("naswot", "wrong_batch", "RuntimeError in Sequential: .*expected input"),
        ("naswot", "meta", "the network or the batch is on the meta device, without values"),
        ("jacov", "text", "the inputs are integers, which have no gradient"),
        ("synflow", "no_weights", "the network has no layer with weights"),
    ],
)
def test_the_error_says_why(name: str, case: str, reason: str) -> None:
    network, batch = CASES[case]()
    with pytest.raises(ProxyError, match=f"{name} cannot be computed: {reason}"):
        proxies.score(network, [name], batch, rng=rng())


def test_lazy_layers_are_named() -> None:
    with pytest.raises(ProxyError, match=r"params .* lazy layers that have not seen an input"):
        proxies.score(nn.LazyLinear(3), ["params"], images(), rng=rng())


def test_errors_can_be_pickled() -> None:
    error = pickle.loads(pickle.dumps(ProxyError("naswot", "there is no ReLU")))
    assert (error.proxy, error.reason) == ("naswot", "there is no ReLU")


def test_shape_of_meta_networks_is_enough_for_size() -> None:
    values = proxies.score(conv_net().to("meta"), ["params", "flops"], images(), rng=rng())
    assert values == proxies.score(conv_net(), ["params", "flops"], images(), rng=rng())


def test_half_precision_is_computed_in_float32() -> None:
    network, (inputs, labels) = CASES["half"]()
    half = proxies.score(network, ["naswot", "synflow"], (inputs, labels), rng=rng())
    full = proxies.score(
        network.float(), ["naswot", "synflow"], (inputs.float(), labels), rng=rng()
    )
    assert half == full
