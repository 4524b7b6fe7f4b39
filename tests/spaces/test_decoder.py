"""Causal language models: GPT-2, what a token sees, and grouped queries."""

import time

import pytest
import torch

from ray_nas.estimators import cost
from ray_nas.spaces import DecoderSpace

SMALL = DecoderSpace(30, max_length=8, widths=[16], max_layers=2, head_width=4, dropout=0.0)


def test_the_baseline_has_the_parameters_of_gpt_2() -> None:
    space = DecoderSpace()
    assert space.parameter_count(space.baseline) == 124_439_808


def test_124_million_parameters_are_profiled_in_two_seconds() -> None:
    space = DecoderSpace()
    network = space.build(space.baseline)
    start = time.process_time()
    found = cost.profile(network, (1024,), input_dtype=torch.long)
    assert time.process_time() - start < 2.0
    assert found.params == 124_439_808


def test_a_token_sees_only_those_before_it() -> None:
    network = SMALL.build(SMALL.sample(random_state=0)).eval()
    tokens = torch.randint(0, 30, (2, 8))
    changed = tokens.clone()
    changed[:, 5:] = 0
    assert torch.allclose(network(tokens)[:, :5], network(changed)[:, :5], atol=1e-6)
    assert not torch.allclose(network(tokens)[:, 5:], network(changed)[:, 5:])


def test_query_heads_share_keys_and_values() -> None:
    config = SMALL.baseline | {"layer_0.heads": 8, "layer_0.group": 4}
    layer = next(iter(SMALL.build(config).layers))
    assert (layer.query.out_features, layer.key.out_features) == (8 * 4, 2 * 4)


def test_heads_that_do_not_divide_into_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="heads must be multiples of groups, got 6 heads for 4"):
        DecoderSpace(heads=(4, 6), groups=(1, 4))
