"""A driver to be killed: one-shot search on random images, which restores.

Usage: python one_shot.py FOLDER
"""

import inspect
import json
import os
import sys
from pathlib import Path

os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "0.3"
os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = "2"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
import torch
from one_shot_tuner import one_shot_tuner
from patience import patient
from ray import tune
from torch import nn

from ray_nas.searchers import OneShot, RegularizedEvolution
from ray_nas.sharing import one_shot_trainable
from ray_nas.spaces import NASBench201


def main(folder: Path) -> None:
    space = NASBench201(channels=2, cells_per_stage=1, num_classes=2, in_channels=1)
    generator = torch.Generator().manual_seed(0)
    images, labels = (
        torch.rand(64, 1, 8, 8, generator=generator),
        torch.randint(2, (64,), generator=generator),
    )

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        functions = {frame.function for frame in inspect.stack(0)}
        (folder / "workers").mkdir(exist_ok=True)
        (folder / "workers" / str(os.getpid())).touch()
        with (folder / "calls").open("a") as file:  # what is done more than once can be told
            file.write("." if torch.is_grad_enabled() else "s" if "_evaluate" in functions else "p")
        return nn.functional.cross_entropy(outputs, targets)

    trainable = tune.with_resources(
        one_shot_trainable(
            space,
            train_data=(images, labels),
            val_data=(images[:32], labels[:32]),
            loss=loss,
            batch_size=16,
            retrain_epochs=4,
        ),
        {"cpu": 1},
    )
    search = OneShot(
        space,
        "accuracy",
        "max",
        searcher=RegularizedEvolution(space, population_size=4, tournament_size=2, seed=1),
        strategy="fairnas",
        supernet_epochs=4,
        evaluations=20,
        evaluations_per_trial=5,
        retrain=1,
        seed=1,
    )
    patient(ray.init)(
        address="local", num_cpus=1, num_gpus=0, include_dashboard=False, log_to_driver=False
    )
    path = folder / "search"
    if tune.Tuner.can_restore(path):
        tuner = tune.Tuner.restore(str(path), trainable=trainable)
    else:
        tuner = one_shot_tuner(trainable, search, folder, "search")
    results = tuner.fit()
    winners = [{"config": winner.config, **winner.metrics} for winner in search.winners(results)]
    print(
        json.dumps(
            {
                "trials": len(results),
                "errors": [str(error) for error in results.errors],
                "winners": winners,
            },
            default=str,
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
