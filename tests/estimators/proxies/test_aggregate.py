import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ray_nas.estimators import proxies
from ray_nas.estimators.proxies.aggregate import Aggregate
from ray_nas.spaces import LayerChoice, MLPSpace, ModelSpace, NASBench201, TransformerSpace

NAN = math.nan


def random_batch(*shape: int) -> tuple[torch.Tensor, None]:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)), None


def two_proxies() -> Aggregate:
    return Aggregate(random_batch(4, 2), names=["naswot", "params"])


def order(scores: list[float]) -> list[int]:
    """Indices from the best to the worst."""
    return [int(index) for index in np.argsort(scores)[::-1]]


def test_scores_are_sums_of_the_logarithms_of_ranks() -> None:
    rows = [
        {"naswot": 5.0, "params": 1.0},
        {"naswot": 7.0, "params": 2.0},
        {"naswot": 6.0, "params": 3.0},
    ]
    expected = [2 * math.log(1 / 3), math.log(3 / 3) + math.log(2 / 3), math.log(2 / 3)]
    assert two_proxies().combine(rows) == pytest.approx(expected)


def test_weights_scale_the_logarithms() -> None:
    aggregate = Aggregate(random_batch(4, 2), names={"naswot": 2.0, "params": 0.5})
    rows = [{"naswot": 5.0, "params": 2.0}, {"naswot": 7.0, "params": 1.0}]
    assert aggregate.combine(rows) == pytest.approx([2 * math.log(0.5), 0.5 * math.log(0.5)])


@pytest.mark.parametrize("weight", [0.0, -1.0, NAN, math.inf])
def test_weights_must_be_positive(weight: float) -> None:
    with pytest.raises(ValueError, match=r"names must have positive weights, got .* for params"):
        Aggregate(random_batch(4, 2), names={"params": weight})


def test_the_default_reads_the_jacobian_of_inputs_that_have_one() -> None:
    weights = {"naswot": 1.0, "params": 1.0, "flops": 1.0, "jacov": 0.5}
    assert Aggregate(random_batch(4, 2)).weights == weights
    tokens = Aggregate((torch.ones(4, 2, dtype=torch.long), None))
    assert tokens.names == ("naswot", "params", "flops")


def test_equal_values_share_a_rank() -> None:
    scores = two_proxies().combine([{"naswot": 1.0, "params": value} for value in (3.0, 3.0, 5.0)])
    assert scores[0] == scores[1] < scores[2]
    assert scores[2] == pytest.approx(math.log(2 / 3))


@pytest.mark.parametrize("value", [NAN, math.inf, -math.inf])
def test_a_network_with_a_value_that_is_not_finite_comes_last(value: float) -> None:
    rows = [
        {"naswot": value, "params": 9.0},
        {"naswot": 1.0, "params": 1.0},
        {"naswot": 2.0, "params": 2.0},
        {"naswot": value, "params": 1.0},
    ]
    assert order(two_proxies().combine(rows)) == [2, 1, 0, 3]


def test_a_space_whose_networks_all_have_an_infinite_value_is_ranked_by_the_others() -> None:
    rows = [{"naswot": math.inf, "params": float(params)} for params in (2, 1, 3)]
    assert order(two_proxies().combine(rows)) == [2, 0, 1]


def test_a_missing_proxy_counts_as_the_mean_of_the_others() -> None:
    rows = [
        {"params": 4.0},
        {"naswot": 1.0, "params": 1.0},
        {"naswot": 2.0, "params": 2.0},
        {"naswot": 3.0, "params": 3.0},
    ]
    scores = two_proxies().combine(rows)
    assert order(scores) == [0, 3, 2, 1]
    assert scores[0] == 0.0


def test_a_proxy_that_all_rows_lack_is_left_out_with_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"naswot is left out: .* none of 2 networks"):
        scores = two_proxies().combine([{"params": 1.0}, {"params": 2.0}])
    assert scores == pytest.approx([math.log(1 / 2), 0.0])


def test_a_row_without_any_proxy_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"naswot, params; row 1 has none"):
        two_proxies().combine([{"params": 1.0}, {"flops": 2.0}])


def test_no_rows_have_no_scores() -> None:
    assert two_proxies().combine([]) == []


@pytest.mark.parametrize("names", [[], ["params", "params"], ["size"], "params"])
def test_names_must_be_different_proxies(names: Any) -> None:
    with pytest.raises(ValueError, match=r"names must be different names in .*params"):
        Aggregate(random_batch(4, 2), names=names)


def test_a_config_is_measured_alike_whatever_else_is_measured() -> None:
    space = MLPSpace(inputs=4, outputs=2, max_layers=3, widths=(16, 32))
    configs = [space.sample(random_state=seed) | {"activation": "relu"} for seed in range(4)]
    aggregate = Aggregate(random_batch(8, 4))
    together = aggregate.measure(space, configs)
    alone = [row for config in configs[::-1] for row in aggregate.measure(space, [config])]
    assert together == alone[::-1]
    assert aggregate(space, configs) == aggregate.combine(together)


def test_the_seed_decides_the_weights_and_global_generators_are_left_alone() -> None:
    space = MLPSpace(inputs=4, outputs=2, max_layers=1, widths=(32,))
    config = space.sample(random_state=0) | {"activation": "relu"}
    state = torch.get_rng_state()
    rows = [Aggregate(random_batch(8, 4), seed=seed).measure(space, [config]) for seed in (0, 0, 1)]
    assert rows[0] == rows[1] != rows[2]
    assert torch.equal(torch.get_rng_state(), state)


def test_networks_without_a_rectifier_are_ranked_beside_those_with_one() -> None:
    space = MLPSpace(inputs=4, outputs=2, max_layers=1, widths=(8, 16, 512))
    base = {"depth": 1, "norm": "none", "layer_0.dropout": 0.0}
    choices = [("relu", 8), ("relu", 16), ("tanh", 512), ("tanh", 8)]
    configs = [{**base, "activation": name, "layer_0.width": width} for name, width in choices]
    aggregate = Aggregate(random_batch(6, 4))
    rows = aggregate.measure(space, configs)
    assert ["naswot" in row for row in rows] == [True, True, False, False]
    assert "jacov" in rows[2]
    assert len(set(aggregate.combine(rows))) == 4


def test_a_transformer_without_rectifiers_is_ranked_by_its_size() -> None:
    space = TransformerSpace(
        50, 2, max_length=8, widths=[8, 32], max_layers=2, heads=[1, 2], head_width=4
    )
    tokens = torch.randint(1, 50, (8, 8), generator=torch.Generator().manual_seed(0))
    configs = space.sample(size=5, random_state=0)
    aggregate = Aggregate((tokens, None))
    rows = aggregate.measure(space, configs)
    assert not any("naswot" in row for row in rows)
    with pytest.warns(UserWarning, match=r"naswot is left out"):
        scores = aggregate.combine(rows)
    sizes = Aggregate((tokens, None), names=["params", "flops"])
    assert scores == sizes.combine(rows)


def test_cells_without_a_path_come_last() -> None:
    space = NASBench201(channels=4, cells_per_stage=1)
    dead = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|none~0|none~1|none~2|"
    alive = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
    rich = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
    configs = [space.from_arch_str(cell) for cell in (dead, alive, rich)]
    scores = Aggregate(random_batch(8, 3, 8, 8))(space, configs)
    assert order(scores)[-1] == 0


def test_a_network_that_does_not_take_the_batch_is_an_error() -> None:
    space = MLPSpace(inputs=4, outputs=2, max_layers=1)
    with pytest.raises(proxies.ProxyError, match="naswot cannot be computed: RuntimeError"):
        Aggregate(random_batch(8, 3)).measure(space, [space.sample(random_state=0)])


def test_missing_labels_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"batch must be \(inputs, labels\) for snip"):
        Aggregate(random_batch(8, 4), names=["params", "snip"])


def test_inputs_may_be_keyword_arguments() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            alternatives = {"narrow": lambda: nn.Linear(2, 4), "wide": lambda: nn.Linear(2, 64)}
            self.layer = LayerChoice("layer", alternatives)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.layer(values))

    batch = ({"values": random_batch(4, 2)[0]}, None)
    configs = [{"layer": "narrow"}, {"layer": "wide"}]
    assert order(Aggregate(batch)(ModelSpace(Named), configs))[0] == 1
