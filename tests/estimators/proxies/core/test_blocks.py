"""Which modules are a network's blocks, and what lies between them."""

import torch
from networks_to_score import conv_net, images
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.blocks import block_features, feature_rows, find_blocks
from ray_nas.spaces import DARTS, MobileNetSpace, NASBench201


def test_cells_and_reductions_are_the_blocks_of_a_cell_based_network() -> None:
    space = NASBench201()
    network = space.build(space.sample(random_state=0))
    kinds = [type(block).__name__ for block in find_blocks(network)]
    assert kinds == (["SumCell"] * 5 + ["Reduction"]) * 2 + ["SumCell"] * 5


def test_layers_are_the_blocks_of_a_plain_chain() -> None:
    kinds = {type(block) for block in find_blocks(conv_net())}
    assert kinds == {nn.Conv2d, nn.BatchNorm2d, nn.Linear}


def test_every_space_of_blocks_has_some() -> None:
    for space in (DARTS(), MobileNetSpace()):
        assert len(find_blocks(space.build(space.sample(random_state=0)))) > 5


def test_features_are_the_first_input_and_every_output_before_pooling() -> None:
    network, (inputs, _) = conv_net(norm=False), images()
    features = block_features(network, Batch(inputs, None))
    assert [feature.shape[1] for feature in features] == [3, 6, 6, 8]
    assert torch.equal(features[0], inputs)
    (gradient,) = torch.autograd.grad(features[2].sum(), features[1])
    assert gradient.shape == features[1].shape


def test_rows_have_the_channels_of_images_and_the_width_of_texts() -> None:
    assert feature_rows(nn.Conv2d(1, 1, 1), torch.zeros(2, 3, 4, 5)).shape == (40, 3)
    assert feature_rows(nn.Conv1d(1, 1, 1), torch.zeros(2, 3, 4)).shape == (8, 3)
    assert feature_rows(nn.Linear(1, 1), torch.zeros(2, 3, 4)).shape == (6, 4)
    assert feature_rows(nn.Conv2d(1, 1, 1), torch.zeros(2, 3)).shape == (2, 3)
