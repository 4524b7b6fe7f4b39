"""The next letter of a docstring: evolves a language model with Ray Tune and ASHA.

    python examples/language_model.py [--quick]    # about four minutes on two cores

Data: docstrings of installed packages. NumPy's and SciPy's train, scikit-learn's validate, and
torch's test the winner and a small GPT-2, both retrained from scratch. The figure is bits per
letter; less is better.
"""

import argparse
import ast
import math
from importlib.util import find_spec
from pathlib import Path

import ray
import torch
from ray import tune
from torch import nn

from ray_nas.cluster import ProgressLine
from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import DecoderSpace

LENGTH = 64  # letters that a network sees at once
# 1: a ready-made space in place of a network
space = DecoderSpace(128, max_length=64, widths=[32, 64], max_layers=3, heads=[4, 8], head_width=8)
hand_made = space.baseline  # GPT-2 at this size; the first trial of every search
searcher = RegularizedEvolution(space, seed=0)  # 2: the space to a searcher


def search(data, trials, epochs):
    tuner = tune.Tuner(
        tune.with_parameters(train, data=data),
        param_space={"epochs": epochs},
        tune_config=tune.TuneConfig(
            search_alg=searcher,  # 3: the searcher to Tune
            scheduler=tune.schedulers.ASHAScheduler(time_attr="epoch", max_t=epochs),
            metric="bits",
            mode="min",
            num_samples=trials,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(callbacks=[ProgressLine("epoch")], verbose=0),
    )
    return space.own_parameters(tuner.fit().get_best_result(scope="last").config)


def train(config, data):
    for epoch, network in enumerate(fit(config, data[0], config["epochs"]), 1):
        tune.report({"bits": bits(network, data[1]), "epoch": epoch})


def fit(config, text, epochs, seed=0):
    """Trains a network on random pieces of a text and yields it after every 50 batches."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network = space.build(config)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    for _ in range(epochs):
        network.train()
        for starts in torch.randint(len(text) - LENGTH, (50, 16, 1)):
            optimizer.zero_grad()
            loss(network, text[starts + torch.arange(LENGTH + 1)]).backward()
            optimizer.step()
        yield network.eval()


def loss(network, pieces):
    logits = network(pieces[:, :-1])
    return nn.functional.cross_entropy(logits.flatten(0, 1), pieces[:, 1:].flatten())


@torch.no_grad()
def bits(network, text):
    """Bits per letter: the mean of -log2 of the probability of each next letter."""
    return loss(network, text.unfold(0, LENGTH + 1, LENGTH)).item() / math.log(2)


def docstrings(package, letters):
    """The first docstrings of a package, as codes below 128."""
    text = ""
    for path in sorted(Path(find_spec(package).origin).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())) if len(text) < letters else ():
            documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            if documented and ast.get_docstring(node):
                text += ast.get_docstring(node) + "\n"
    return torch.tensor(list(text.encode("ascii", "ignore")[:letters]))


def bits_of_pairs(training, test):
    """Bits per letter of a model that only knows how often a letter follows another."""
    counts = torch.ones(128, 128)
    counts.index_put_((training[:-1], training[1:]), torch.tensor(1.0), accumulate=True)
    return -(counts / counts.sum(1, keepdim=True))[test[:-1], test[1:]].log2().mean().item()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three trials of one short epoch")
    quick = parser.parse_args(arguments).quick
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, ignore_reinit_error=True)
    trials, epochs, seeds = (3, 1, 1) if quick else (24, 12, 3)
    training = torch.cat([docstrings("numpy", 200_000), docstrings("scipy", 200_000)])
    validation, test = docstrings("sklearn", 30_000), docstrings("torch", 60_000)
    winner = search((training, validation), trials, epochs)
    both = torch.cat([training, validation])
    figures = {}
    for name, config in {"winner": winner, "hand_made": hand_made}.items():
        networks = [list(fit(config, both, epochs, seed))[-1] for seed in range(seeds)]
        figures[name] = sum(bits(network, test) for network in networks) / seeds
    figures["trivial"] = bits_of_pairs(both, test)
    print(f"winner {winner}\ntest bits per letter: {figures['winner']:.4f}")
    print(f"hand-made, GPT-2's shape: {figures['hand_made']:.4f}")
    print(f"pairs of letters: {figures['trivial']:.4f}")
    return figures


if __name__ == "__main__":
    main()
