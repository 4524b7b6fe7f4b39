"""Leaves by their outlines: evolves a network for time series with Ray Tune and ASHA.

    python examples/series.py [--quick]    # about three minutes on two cores

Data: OSULeaf, six kinds of leaves, each outline a series of 427 values, from aeon's wheel. 140
series train and 60 validate; the archive's 242 test series test the winner and a small
InceptionTime, both retrained from scratch.
"""

import argparse
from importlib.resources import files

import numpy as np
import ray
import torch
from ray import tune
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from ray_nas.cluster import ProgressLine
from ray_nas.extras import extra
from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import SeriesSpace

with extra("examples", package="aeon", needed_by="examples/series.py"):
    import aeon

space = SeriesSpace((1, 427), 6, widths=[16, 32], max_blocks=4)  # 1: a space in place of a network
hand_made = space.baseline  # InceptionTime at this size; the first trial of every search
searcher = RegularizedEvolution(space, seed=0)  # 2: the space to a searcher


def search(data, trials, epochs):
    tuner = tune.Tuner(
        tune.with_parameters(train, data=data),
        param_space={"epochs": epochs},
        tune_config=tune.TuneConfig(
            search_alg=searcher,  # 3: the searcher to Tune
            scheduler=tune.schedulers.ASHAScheduler(
                time_attr="epoch", max_t=epochs, grace_period=min(4, epochs)
            ),
            metric="accuracy",
            mode="max",
            num_samples=trials,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(callbacks=[ProgressLine("epoch")], verbose=0),
    )
    return space.own_parameters(tuner.fit().get_best_result(scope="last").config)


def train(config, data):
    for epoch, network in enumerate(fit(config, data[0], config["epochs"]), 1):
        tune.report({"accuracy": accuracy(network, data[1]), "epoch": epoch})


def fit(config, part, epochs, seed=0):
    """Trains a network and yields it after each epoch."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network, (series, labels) = space.build(config), part
    optimizer = torch.optim.AdamW(network.parameters(), 5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        network.train()
        for batch in torch.randperm(len(labels)).split(20):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(series[batch]), labels[batch]).backward()
            optimizer.step()
        schedule.step()
        yield network.eval()


@torch.no_grad()
def accuracy(network, part):
    series, labels = part
    return (network(series).argmax(1) == labels).float().mean().item()


def read(part):
    """Series (number, 1, 427) and labels from a file of aeon's wheel."""
    file = files(aeon) / "datasets" / "data" / "OSULeaf" / f"OSULeaf_{part}.ts"
    rows = file.read_text().split("@data")[1].replace(":", ",").split()
    table = torch.tensor(np.loadtxt(rows, delimiter=","), dtype=torch.float32)
    return table[:, None, :-1], table[:, -1].long() - 1


def load():
    (series, labels), test = read("TRAIN"), read("TEST")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    return [(series[part], labels[part]) for part in order.split([140, 60])] + [test]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three trials of two epochs")
    quick = parser.parse_args(arguments).quick
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, ignore_reinit_error=True)
    trials, epochs, seeds = (3, 2, 1) if quick else (40, 36, 3)
    training, validation, test = load()
    winner = search((training, validation), trials, epochs)
    both = tuple(map(torch.cat, zip(training, validation, strict=True)))
    figures = {}
    for name, config in {"winner": winner, "hand_made": hand_made}.items():
        networks = [list(fit(config, both, epochs, seed))[-1] for seed in range(seeds)]
        figures[name] = sum(accuracy(network, test) for network in networks) / seeds
    neighbour = KNeighborsClassifier(1).fit(both[0].flatten(1), both[1])
    figures["trivial"] = neighbour.score(test[0].flatten(1), test[1])
    print(f"winner {winner}\ntest accuracy: {figures['winner']:.4f}")
    print(f"hand-made, InceptionTime: {figures['hand_made']:.4f}")
    print(f"nearest neighbour: {figures['trivial']:.4f}")
    return figures


if __name__ == "__main__":
    main()
