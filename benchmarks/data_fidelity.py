"""Less data, lower resolution or fewer epochs: which cheap training ranks networks best?

    python benchmarks/data_fidelity.py --quick
    python benchmarks/data_fidelity.py --cache runs.jsonl --seeds 3

Trains random chains of convolutions on digits in clutter (12x12 pixels), fully and at about 11, 25
and 44 % of that cost, in three ways: fewer epochs, the same epochs on a part of the data
(`Subset`), or at a lower resolution (`Resolution`). Each training has its own learning rate
schedule down to zero. For each way the script prints the rank correlation (Spearman) of its
validation accuracy, at its own resolution, with the test accuracy after full training, and its
share of the cost in examples times pixels. The share of the processor's seconds stands beside it:
on small images a layer's overhead does not shrink with its pixels.

Baselines: random ranks (0), the parameter count, and another full training with another seed, which
is about the most that an estimate can reach. Intervals are 90 % bootstrap intervals over networks.
The last line is one JSON object.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from command_line import add_cache, make_parser, parse, print_result
from result_cache import ResultCache
from small_task import CANVAS, Pair, figures, small_task, train_alone

from ray_nas.estimators import rank_correlation
from ray_nas.spaces import ChainSpace
from ray_nas.trials import Resolution, Subset
from ray_nas.trials.seeding import seeded

EPOCHS: Final = 18
IMAGES: Final = 1000
SPACE: Final = ChainSpace(
    (1, CANVAS, CANVAS), stages=2, max_layers_per_stage=2, widths=(2, 4, 8, 16)
)
SIZES: Final = (4, 6, 8, CANVAS)
"""Heights in pixels; their share of the cost sets that of the other two ways."""
RESOLUTION: Final = Resolution(SIZES)


@dataclass(frozen=True)
class Way:
    """A way to train a network, and what it costs as a share of the full training."""

    name: str
    epochs: int = EPOCHS
    fraction: float = 1.0
    size: int = CANVAS

    @property
    def share(self) -> float:
        """The examples times pixels of a training, as a share of the full one's."""
        return self.epochs / EPOCHS * self.fraction * (self.size / CANVAS) ** 2


FULL: Final = Way("full")


def ways() -> list[Way]:
    """The three ways at each cost; epochs are whole, so theirs differs a little."""
    found: list[Way] = []
    for size in SIZES[:-1]:
        share = (size / CANVAS) ** 2
        found += [
            Way("epochs", epochs=max(1, round(share * EPOCHS))),
            Way("data", fraction=share),
            Way("resolution", size=size),
        ]
    return found


def run(config: dict[str, Any], way: Way, seed: int, data: dict[str, Pair]) -> dict[str, float]:
    """Trains a network in one way: validation and test accuracy at its resolution, and seconds."""
    with seeded(seed):
        network = SPACE.build(config)
    RESOLUTION.check(network, data["val"][0][:2])
    parts = {
        name: (RESOLUTION(images, way.size), labels) for name, (images, labels) in data.items()
    }
    train = Subset(parts["train"], [way.fraction], seed=seed).part(way.fraction)
    start = time.process_time()
    train_alone(network, train, seed, way.epochs)
    seconds = time.process_time() - start
    val, test = (figures(network, parts[name]).accuracy for name in ("val", "test"))
    return {"val": val, "test": test, "seconds": seconds}


def summary(values: Sequence[float], truth: Sequence[float], seed: int = 0) -> list[float]:
    """Spearman's correlation and the ends of its interval, to three digits."""
    found = rank_correlation(values, truth, np.random.default_rng(seed)).spearman
    return [round(value, 3) for value in found]


def main() -> None:
    parser = make_parser(__doc__, quick="24 networks, one seed: a few minutes on one core")
    parser.add_argument("--networks", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=2, help="full trainings that are averaged")
    add_cache(parser)
    options = parse(parser, networks=24, seeds=1)
    torch.set_num_threads(1)
    print_result(measure(options))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All trainings, and the table."""
    cache, data = ResultCache(options.cache), small_task()
    data["train"] = tuple(part[:IMAGES] for part in data["train"])
    configs = SPACE.sample(size=options.networks, random_state=np.random.default_rng(0))

    def results(way: Way, seed: int) -> list[dict[str, float]]:
        key = [way.name, way.epochs, round(way.fraction, 4), way.size, seed]
        return [
            cache.get_or_run(*key, config, run=lambda config=config: run(config, way, seed, data))
            for config in configs
        ]

    full = [results(FULL, seed) for seed in range(options.seeds)]
    truth = [float(np.mean([one["test"] for one in each])) for each in zip(*full, strict=True)]
    whole = sum(one["seconds"] for one in full[0])
    params = [SPACE.parameter_count(config) for config in configs]
    table: dict[str, Any] = {
        "random ranks": {"share": 0.0, "spearman": [0.0, 0.0, 0.0]},
        "params": {"share": 0.0, "spearman": summary(params, truth)},
        "full, another seed": {"share": 1.0, "spearman": summary(_val(results(FULL, 1000)), truth)},
    }
    for way in ways():
        found = results(way, 2000)
        table[f"{way.name} {way.share:.2f}"] = {
            "share": round(way.share, 3),
            "spearman": summary(_val(found), truth),
            "seconds_share": round(sum(one["seconds"] for one in found) / whole, 3),
            "accuracy": round(float(np.mean(_val(found))), 1),
        }
    for name, row in table.items():
        seconds = f"  seconds {row['seconds_share']:.2f}" if "seconds_share" in row else ""
        print(f"{name:>20}  share {row['share']:.2f}  {row['spearman']}{seconds}", flush=True)
    return {
        "networks": len(configs),
        "seeds": options.seeds,
        "full_accuracy": [round(value, 1) for value in np.quantile(truth, [0.0, 0.5, 1.0])],
        "ways": table,
    }


def _val(results: Sequence[dict[str, float]]) -> list[float]:
    return [one["val"] for one in results]


if __name__ == "__main__":
    main()
