"""The language of a word: evolves a transformer with Ray Tune and ASHA.

    python examples/text.py [--quick]    # about three minutes on two cores

Data: frequent words from wordfreq's wheel, each in the list of only one of eight languages. For
each language, 800 train, 200 validate, and 500 test the winner and a hand-made transformer, both
retrained from scratch.
"""

import argparse
from collections import Counter

import ray
import torch
from ray import tune
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from torch import nn

from ray_nas.cluster import ProgressLine
from ray_nas.extras import extra
from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import TransformerSpace

with extra("examples", package="wordfreq", needed_by="examples/text.py"):
    from wordfreq import top_n_list

LANGUAGES = ["en", "de", "nl", "fr", "es", "it", "pt", "pl"]
LETTERS = 12  # longest word, with the mark at its beginning

space = TransformerSpace(  # 1: a ready-made space in place of a network
    400, 8, max_length=LETTERS, widths=[16, 32, 64], min_layers=1, max_layers=3, head_width=8
)
hand_made = space.complete({"width": 32, "depth": 2})
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
    network, (words, labels) = space.build(config), part
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    for _ in range(epochs):
        network.train()
        for batch in torch.randperm(len(labels)).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(words[batch]), labels[batch]).backward()
            optimizer.step()
        yield network.eval()


@torch.no_grad()
def accuracy(network, part):
    return (network(part[0]).argmax(1) == part[1]).float().mean().item()


def tokens(words):
    """Code points (number, LETTERS), 0 after a word's end and 1 before its beginning."""
    rows = [[1, *(min(ord(letter), 399) for letter in word)] for word in words]
    return torch.tensor([row + [0] * (LETTERS - len(row)) for row in rows])


def load():
    """Words and languages' numbers to train, validate and test."""
    lists = {name: top_n_list(name, 20_000) for name in LANGUAGES}
    count = Counter(word for words in lists.values() for word in words)
    parts = [([], []) for _ in range(3)]
    for number, words in enumerate(lists.values()):
        own = [word for word in words if count[word] == 1 and 3 < len(word) < LETTERS]
        order = torch.randperm(1500, generator=torch.Generator().manual_seed(number))
        for part, places in zip(parts, order.split([800, 200, 500]), strict=True):
            part[0].extend(own[place] for place in places)
            part[1].extend([number] * len(places))
    return parts


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three trials of one epoch")
    quick = parser.parse_args(arguments).quick
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, ignore_reinit_error=True)
    trials, epochs, seeds = (3, 1, 1) if quick else (24, 9, 3)
    texts = load()
    training, validation, test = [(tokens(part[0]), torch.tensor(part[1])) for part in texts]
    winner = search((training, validation), trials, epochs)
    both = tuple(map(torch.cat, zip(training, validation, strict=True)))
    figures = {}
    for name, config in {"winner": winner, "hand_made": hand_made}.items():
        networks = [list(fit(config, both, epochs, seed))[-1] for seed in range(seeds)]
        figures[name] = sum(accuracy(network, test) for network in networks) / seeds
    letters = make_pipeline(CountVectorizer(analyzer="char", ngram_range=(1, 2)), MultinomialNB())
    letters.fit(texts[0][0] + texts[1][0], both[1])
    figures["trivial"] = letters.score(*texts[2])
    print(f"winner {winner}\ntest accuracy: {figures['winner']:.4f}")
    print(f"hand-made transformer: {figures['hand_made']:.4f}")
    print(f"naive Bayes on letters and their pairs: {figures['trivial']:.4f}")
    return figures


if __name__ == "__main__":
    main()
