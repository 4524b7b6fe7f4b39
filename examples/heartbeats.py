"""Kinds of heart beats: evolves a network for electrocardiograms with Ray Tune and ASHA.

    python examples/heartbeats.py [--quick]    # about two minutes on two cores

The beats are generated, as no package carries a labelled set: sums of five Gaussian waves (P, Q, R,
S, T; after McSharry et al., 2003), noise and a wandering baseline. Each person has own waves: 20
persons train, 20 validate, and 100 test the winner and a small InceptionTime, both retrained from
scratch.
"""

import argparse

import ray
import torch
from ray import tune
from sklearn.linear_model import LogisticRegression
from torch import nn

from ray_nas.cluster import ProgressLine
from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import SeriesSpace

# 1: a ready-made space in place of a network
space = SeriesSpace((1, 128), 5, widths=[8, 16, 32], max_blocks=4, kernels=[9, 19, 39])
hand_made = space.baseline  # InceptionTime at this size; the first trial of every search
searcher = RegularizedEvolution(space, seed=0)  # 2: the space to a searcher


def search(data, trials, epochs):
    tuner = tune.Tuner(
        tune.with_parameters(train, data=data),
        param_space={"epochs": epochs},
        tune_config=tune.TuneConfig(
            search_alg=searcher,  # 3: the searcher to Tune
            scheduler=tune.schedulers.ASHAScheduler(
                time_attr="epoch", max_t=epochs, grace_period=min(2, epochs)
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
    network, (beats, labels) = space.build(config), part
    optimizer = torch.optim.AdamW(network.parameters(), 5e-3)
    for _ in range(epochs):
        network.train()
        for batch in torch.randperm(len(labels)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(beats[batch]), labels[batch]).backward()
            optimizer.step()
        yield network.eval()


@torch.no_grad()
def accuracy(network, part):
    beats, labels = part
    return (network(beats).argmax(1) == labels).float().mean().item()


# Place and width (both in beats) and height of the waves P, Q, R, S and T of five kinds of beats
NORMAL = [0.3, 0.02, 0.15, 0.44, 0.01, -0.1, 0.46, 0.012, 1, 0.48, 0.01, -0.2, 0.7, 0.04, 0.3]
WAVES = torch.tensor(NORMAL).reshape(5, 3).repeat(5, 1, 1)
WAVES[1, :, 0] -= 0.06  # atrial: early,
WAVES[1, 0, 2] *= 0.3  # with a low P
WAVES[2, 1:4, 1] *= 2.5  # ventricular: a wide complex,
WAVES[2, :, 2] *= torch.tensor([0, 1, 1, 1, -1])  # without P, with T upside down
WAVES[3, 3] = torch.tensor([0.5, 0.015, 0.5])  # bundle branch block: a second peak
WAVES[4, 4] = torch.tensor([0.74, 0.05, 0.1])  # ischaemia: T late and low


def persons(number, seed):
    """Series (25 * number, 1, 128) of one beat each, and their kinds."""
    torch.manual_seed(seed)
    kinds = torch.randint(5, (number, 25))
    own = 1 + torch.tensor([0.02, 0.2, 0.2]) * torch.randn(number, 1, 5, 3)
    place, width, height = (WAVES[kinds] * own)[..., None].unbind(-2)
    place = place + 0.03 * torch.randn(number, 25, 1, 1)
    time = torch.linspace(0, 1, 128)
    beats = (height * (-((time - place) ** 2) / (2 * width**2)).exp()).sum(-2)
    beats += 0.2 * torch.sin(3 * time + 6.28 * torch.rand(number, 25, 1))
    beats += 0.1 * torch.randn(beats.shape)
    return beats.flatten(0, 1)[:, None], kinds.flatten()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three trials of two epochs")
    quick = parser.parse_args(arguments).quick
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, ignore_reinit_error=True)
    trials, epochs, seeds = (3, 2, 1) if quick else (40, 18, 3)
    training, validation, test = persons(20, 0), persons(20, 1), persons(100, 2)
    winner = search((training, validation), trials, epochs)
    both = tuple(map(torch.cat, zip(training, validation, strict=True)))
    figures = {}
    for name, config in {"winner": winner, "hand_made": hand_made}.items():
        networks = [list(fit(config, both, epochs, seed))[-1] for seed in range(seeds)]
        figures[name] = sum(accuracy(network, test) for network in networks) / seeds
    linear = LogisticRegression(max_iter=1000).fit(both[0].flatten(1), both[1])
    figures["trivial"] = linear.score(test[0].flatten(1), test[1])
    print(f"winner {winner}\ntest accuracy: {figures['winner']:.4f}")
    print(f"hand-made, InceptionTime: {figures['hand_made']:.4f}")
    print(f"logistic regression: {figures['trivial']:.4f}")
    return figures


if __name__ == "__main__":
    main()
