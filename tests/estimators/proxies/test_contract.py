"""What holds for every proxy, on networks and batches of many kinds."""

import math
from typing import Any

import pytest
import torch
from networks_to_score import CASES, conv_net, images
from torch import nn

from ray_nas.estimators import proxies
from ray_nas.estimators.proxies import PROXIES, ProxyError
from ray_nas.spaces import NASBench201

NAMES = sorted(PROXIES)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bytes_of(tensor: torch.Tensor | None) -> Any:
    if tensor is None or tensor.is_meta:
        return tensor if tensor is None else tensor.shape
    return tensor.detach().clone().flatten().view(torch.uint8).tolist()


def state_of(network: nn.Module) -> list[Any]:
    """Everything that a network holds, to the bit, and which objects hold it."""
    state: list[Any] = [torch.get_rng_state().tolist()]
    for name, module in network.named_modules():
        for attribute, value in vars(module).items():
            if isinstance(value, dict):
                value = [(key, id(item)) for key, item in value.items()]
            elif isinstance(value, torch.Tensor):
                value = (id(value), bytes_of(value))
            elif isinstance(value, list):
                value = [id(item) for item in value]
            state.append((name, attribute, id(vars(module)[attribute]), value))
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        facts = (tensor.dtype, tensor.device, tensor.requires_grad, tensor._version)
        hooks = list(tensor._backward_hooks or {})
        gradient = (id(tensor.grad), bytes_of(tensor.grad))
        state.append((name, bytes_of(tensor), facts, hooks, gradient))
    return state


def score_or_error(network: nn.Module, name: str, batch: Any) -> float | ProxyError:
    try:
        return proxies.score(network, [name], batch, rng=rng())[name]
    except ProxyError as error:
        return error


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
def test_the_result_is_a_float_or_an_error_that_says_why_and_the_network_is_unchanged(
    name: str, case: str
) -> None:
    network, batch = CASES[case]()
    before = state_of(network)
    result = score_or_error(network, name, batch)
    assert state_of(network) == before
    if isinstance(result, ProxyError):
        assert (result.proxy, str(result)) == (name, f"{name} cannot be computed: {result.reason}")
        assert len(result.reason) > 20
        assert case not in ("normal", "inplace", "hooked", "frozen", "double", "half")
    else:
        assert type(result) is float
        assert case in ("dead", "exploding") or math.isfinite(result)
        assert case != "wrong_batch" or name in ("params", "l2_norm")


@pytest.mark.parametrize("name", NAMES)
def test_an_error_inside_leaves_the_network_unchanged(name: str) -> None:
    network, batch = conv_net(), images()
    calls = 0

    def fail(module: nn.Module, inputs: Any) -> None:
        nonlocal calls
        calls += 1
        raise RuntimeError("no more memory in the hook")

    network[-1].register_forward_pre_hook(fail)
    before = state_of(network)
    if name in ("params", "l2_norm"):
        proxies.score(network, [name], batch, rng=rng())
    else:
        with pytest.raises(ProxyError, match=f"{name} cannot .*: no more memory in the hook"):
            proxies.score(network, [name], batch, rng=rng())
        assert calls == 1
    assert state_of(network) == before


@pytest.mark.parametrize("name", NAMES)
def test_values_depend_on_the_generator_alone_and_on_no_other_name(name: str) -> None:
    network, batch = conv_net(), images()
    alone = proxies.score(network, [name], batch, rng=rng())
    torch.manual_seed(5)
    again = proxies.score(network, ["params", name], batch, rng=rng())
    assert alone[name] == again[name]


def test_all_proxies_are_computed_in_one_call_in_the_order_of_the_names() -> None:
    values = proxies.score(conv_net(), NAMES[::-1], images(), rng=rng())
    assert list(values) == NAMES[::-1]
    assert all(math.isfinite(value) for value in values.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_proxy_without_labels_does_not_need_them(name: str) -> None:
    inputs, _ = images()
    if PROXIES[name].needs_labels:
        with pytest.raises(ProxyError, match=f"{name} cannot be computed: the batch has no labels"):
            proxies.score(conv_net(), [name], (inputs, None), rng=rng())
    else:
        assert math.isfinite(proxies.score(conv_net(), [name], (inputs, None), rng=rng())[name])


@pytest.mark.parametrize("name", NAMES)
def test_each_proxys_documentation_says_what_it_is(name: str) -> None:
    assert PROXIES[name].compute.__doc__


@pytest.mark.parametrize("name", NAMES)
def test_a_cell_without_a_path_has_a_value(name: str) -> None:
    space = NASBench201(channels=2, cells_per_stage=1)
    network = space.build(space.from_arch_str("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"))
    assert isinstance(proxies.score(network, [name], images(8, 16), rng=rng())[name], float)
