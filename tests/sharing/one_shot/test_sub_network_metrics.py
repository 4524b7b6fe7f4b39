"""Sub-networks are evaluated with batch-norm statistics of their own."""

import math

import torch
from torch import nn

from ray_nas.sharing.one_shot.paths.path_strategies import STRATEGIES
from ray_nas.sharing.one_shot.supernet_training import SupernetTraining
from ray_nas.spaces import ModelSpace, NASBench201
from ray_nas.trials.batch_norm import recompute_batch_norm
from ray_nas.trials.optimizer import Optimization

CELLS = NASBench201(channels=2, cells_per_stage=1, num_classes=3, in_channels=1)


SPACE = CELLS.restrict(
    dict.fromkeys(CELLS.choices, ("skip_connect", "nor_conv_1x1", "nor_conv_3x3"))
)


GENERATOR = torch.Generator().manual_seed(0)


DATA = torch.rand(48, 1, 8, 8, generator=GENERATOR), torch.randint(3, (48,), generator=GENERATOR)


def training(
    strategy: str = "spos", space: ModelSpace = SPACE, data: tuple = DATA, **arguments: object
) -> SupernetTraining:
    given = {
        "epochs": 4,
        "batch_size": 16,
        "optimization": Optimization(0.1),
        "seed": 3,
        "loss": nn.functional.cross_entropy,
        **arguments,
    }
    loss = given.pop("loss")
    return SupernetTraining(space, STRATEGIES[strategy](space, 3), data, loss, **given)


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
