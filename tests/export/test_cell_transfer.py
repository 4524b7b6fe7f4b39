"""A found architecture in a larger network, with the weights that fit."""

from pathlib import Path

import pytest
import torch
from searched_experiment import trained_state, write_experiment, write_weights

from ray_nas.export import transfer
from ray_nas.spaces import DARTS, ChainSpace, MLPSpace, ModelSpace, NASBench201, SeriesSpace

IMAGES = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("space", "target", "lowest_share"),
    [
        (NASBench201(4, 1), NASBench201(4, 2), 1.0),
        (NASBench201(4, 1), NASBench201(8, 1), 0.25),
        (
            DARTS((3, 8, 8), channels=4, num_cells=6),
            DARTS((3, 8, 8), channels=4, num_cells=9),
            0.9,
        ),
        (
            ChainSpace((3, 8, 8), stages=2, widths=(4,), max_layers_per_stage=1),
            ChainSpace((3, 8, 8), stages=2, widths=(4, 8), max_layers_per_stage=2),
            1.0,
        ),
    ],
    ids=["deeper cells", "wider cells", "darts", "chain"],
)
def test_the_architecture_is_kept_and_weights_where_they_fit(
    space: ModelSpace, target: ModelSpace, lowest_share: float, tmp_path: Path
) -> None:
    config = space.sample(random_state=1)
    state = trained_state(space, config)
    write_experiment(tmp_path, space, [config])
    write_weights(tmp_path, "t0", state)
    found = transfer(tmp_path, space=space, target=target, example_inputs=IMAGES)
    assert config.items() <= found.config.items()
    assert lowest_share <= found.share <= 1.0
    assert found.network.training
    names = {name for name, _ in found.network.named_parameters()}
    assert set(found.kept) | set(found.fresh) == names
    assert found.network(IMAGES).shape == (4, 10)
    first = next(name for name in found.kept if name.endswith("weight"))
    old, new = state[first], found.network.get_parameter(first)
    assert torch.equal(new[tuple(map(slice, old.shape))], old)


def test_data_of_another_shape_keep_the_weights_behind_the_first_layers(tmp_path: Path) -> None:
    space = SeriesSpace((1, 40), 4, widths=[8], max_blocks=2)
    target = SeriesSpace((3, 25), 5, widths=[8], max_blocks=2)
    config = space.complete({"depth": 2, "block_1.kind": "depthwise"})
    state = trained_state(space, config)
    write_experiment(tmp_path, space, [config])
    write_weights(tmp_path, "t0", state)
    found = transfer(tmp_path, space=space, target=target, example_inputs=torch.rand(4, 3, 25))
    assert found.network(torch.rand(4, 3, 25)).shape == (4, 5)
    kept = [name for name in found.kept if "1.layers" in name or "blocks.1" in name]
    assert kept
    assert any(torch.equal(found.network.get_parameter(name), state[name]) for name in kept)


def test_more_layers_can_be_asked_for(tmp_path: Path) -> None:
    space = MLPSpace(4, 3, max_layers=2, widths=(4, 8))
    config = space.complete({})
    write_experiment(tmp_path, space, [config])
    write_weights(tmp_path, "t0", trained_state(space, config))
    target = MLPSpace(4, 3, max_layers=3, widths=(4, 8, 16))
    found = transfer(
        tmp_path,
        space=space,
        target=target,
        example_inputs=torch.rand(4, 4),
        changes={"layer_0.width": 16, "depth": 2},
    )
    assert (found.config["layer_0.width"], found.config["depth"]) == (16, 2)


def test_a_target_without_the_architecture_is_refused(tmp_path: Path) -> None:
    cells = NASBench201(4, 1)
    config = cells.sample(random_state=0)
    write_experiment(tmp_path, cells, [config])
    write_weights(tmp_path, "t0", trained_state(cells, config))
    with pytest.raises(ValueError, match=r"target has no network .*it lacks edge_0_1"):
        transfer(tmp_path, space=cells, target=MLPSpace(4, 3), example_inputs=IMAGES)
