"""Networks for tables: their baseline, embeddings and ensembles."""

import pytest
import torch
from torch import nn

from ray_nas.spaces import TabularSpace

SPACE = TabularSpace(5, 2, widths=(16, 200, 300), max_blocks=4, embedding_widths=(4,))


def test_the_baseline_is_an_mlp_of_three_layers() -> None:
    config = SPACE.baseline
    assert (config["block"], config["depth"], config["width"]) == ("mlp", 3, 300)
    network = SPACE.build(config)
    sizes = [layer.in_features for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert sizes == [5, 300, 300]


@pytest.mark.parametrize(("embedding", "inputs"), [("linear", 20), ("periodic", 20)])
def test_numbers_are_embedded_one_by_one(embedding: str, inputs: int) -> None:
    network = SPACE.build(SPACE.complete({"embedding": embedding}))
    embed, linear = next(layer for layer in network.modules() if isinstance(layer, nn.Sequential))
    assert linear.in_features == inputs
    rows = torch.rand(3, 5)
    changed = rows.clone()
    changed[:, 2] += 1
    same = (embed(rows) == embed(changed)).all(0).unflatten(0, (4, 5)).all(0)
    assert same.tolist() == [True, True, False, True, True]


def test_an_ensemble_is_the_mean_of_networks_that_share_their_blocks() -> None:
    config = SPACE.complete({"ensemble": 4})
    network = SPACE.build(config).eval()
    single = SPACE.build({**config, "ensemble": 1}).eval()
    rows = torch.rand(3, 5)
    outputs = []
    for member in range(4):
        weights = network.state_dict()
        for name in ("scales.weight", "heads.weight", "heads.bias"):
            weights[name] = weights[name][member : member + 1]
        single.load_state_dict(weights)
        outputs.append(single(rows))
    assert torch.allclose(network(rows), torch.stack(outputs).mean(0), atol=1e-6)
    assert not torch.allclose(outputs[0], outputs[1])


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="columns must be"):
        TabularSpace(0, 2)
