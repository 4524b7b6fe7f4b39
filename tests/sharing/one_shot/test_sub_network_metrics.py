"""Sub-networks are evaluated with batch-norm statistics of their own."""

import math

import torch
from tiny_supernet import DATA, SPACE, training
from torch import nn

from ray_nas.trials.batch_norm import recompute_batch_norm


def test_a_sub_network_is_evaluated_on_its_own_statistics() -> None:
    run = training()
    run.run_epoch()
    before = {name: tensor.clone() for name, tensor in run.supernet.state_dict().items()}
    config = SPACE.sample(random_state=1)
    found = run.evaluate(config, DATA)
    assert found == run.evaluate(config, DATA)
    assert all(
        torch.equal(before[name], tensor) for name, tensor in run.supernet.state_dict().items()
    )
    network = run.supernet.network(config)
    network.train()
    with (
        torch.no_grad()
    ):  # the statistics of one batch that is all of the data are those of the whole
        recompute_batch_norm(network, [DATA])
        network.eval()
        plain = nn.functional.cross_entropy(network(DATA[0]), DATA[1])
        network.train()
        batch = nn.functional.cross_entropy(network(DATA[0]), DATA[1])
    assert math.isclose(plain, batch, rel_tol=0.01)
