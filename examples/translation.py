"""Dates into ISO form: evolves a sequence-to-sequence network of your own with Ray Tune and ASHA.

    python examples/translation.py [--quick]    # about four minutes on two cores

Data: generated, such as "March 03, 2021" -> "2021-03-03". 2,000 dates train, 500 validate, and
1,000 others test the winner and the hand-made network, both retrained from scratch. Only a whole
date counts.
"""

import argparse
import random
from datetime import date, timedelta

import ray
import torch
from ray import tune
from sklearn.ensemble import ExtraTreesClassifier
from torch import nn

from ray_nas.cluster import ProgressLine
from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import LayerChoice, ModelSpace, ValueChoice


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        half = ValueChoice("half_width", [16, 32])  # 1: choices in the model, in place of a number
        layers, heads = ValueChoice("layers", [1, 2]), ValueChoice("heads", [1, 2, 4])
        readers = {
            "gru": lambda: nn.GRU(2 * half, half, layers, bidirectional=True, batch_first=True),
            "lstm": lambda: nn.LSTM(2 * half, half, layers, bidirectional=True, batch_first=True),
        }
        self.letters = nn.Embedding(128, 2 * half)
        self.reader = LayerChoice("reader", readers)
        self.places = nn.Parameter(torch.randn(10, 2 * half))
        self.attention = nn.MultiheadAttention(2 * half, heads, batch_first=True)
        self.writer = nn.GRU(4 * half, 2 * half, batch_first=True)
        self.head = nn.Linear(2 * half, 128)

    def forward(self, texts):
        read, _ = self.reader(self.letters(texts))
        places = self.places.expand(len(texts), -1, -1)
        found, _ = self.attention(places, read, read)
        written, _ = self.writer(torch.cat([places, found], 2))
        return self.head(written)


space = ModelSpace(Network, input_shape=(32,), input_dtype=torch.long)
hand_made = space.complete({"half_width": 32, "layers": 1, "heads": 1})  # with a GRU
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
    network, (texts, dates) = space.build(config), part
    optimizer = torch.optim.AdamW(network.parameters(), 5e-3)
    for _ in range(epochs):
        network.train()
        for batch in torch.randperm(len(dates)).split(50):
            optimizer.zero_grad()
            logits = network(texts[batch]).flatten(0, 1)
            nn.functional.cross_entropy(logits, dates[batch].flatten()).backward()
            optimizer.step()
        yield network.eval()


@torch.no_grad()
def accuracy(network, part):
    return (network(part[0]).argmax(2) == part[1]).all(1).float().mean().item()


def sample(number):
    """Dates as people write them, (number, 32) characters, and in ISO form, (number, 10)."""
    draw = random.Random(0)
    days = [date(1950, 1, 1) + timedelta(day) for day in draw.sample(range(36_525), number)]
    forms = ["%d %B %Y", "%B %d, %Y", "%a %d %b %y", "%d/%m/%Y", "%b %d %Y", "%A, %d of %B %Y"]
    texts = [day.strftime(draw.choice(forms)).ljust(32) for day in days]
    codes = [[list(text.encode()) for text in side] for side in (texts, map(str, days))]
    return torch.tensor(codes[0]), torch.tensor(codes[1])


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three trials of two epochs")
    quick = parser.parse_args(arguments).quick
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, ignore_reinit_error=True)
    trials, epochs, seeds = (3, 2, 1) if quick else (24, 36, 3)
    texts, dates = sample(2200)
    parts = [800, 400, 1000]
    training, validation, test = zip(texts.split(parts), dates.split(parts), strict=True)
    winner = search((training, validation), trials, epochs)
    both = (texts[:1200], dates[:1200])
    figures = {}
    for name, config in {"winner": winner, "hand_made": hand_made}.items():
        networks = [list(fit(config, both, epochs, seed))[-1] for seed in range(seeds)]
        figures[name] = sum(accuracy(network, test) for network in networks) / seeds
    forest = ExtraTreesClassifier(random_state=0).fit(*both)
    figures["trivial"] = (forest.predict(test[0]) == test[1].numpy()).all(1).mean()
    print(f"winner {winner}\nexact matches in the test: {figures['winner']:.4f}")
    print(f"hand-made, the network as written: {figures['hand_made']:.4f}")
    print(f"forest on characters: {figures['trivial']:.4f}")
    return figures


if __name__ == "__main__":
    main()
