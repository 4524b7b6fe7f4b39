"""A driver to be killed: an evolution with inherited weights, which restores.

Usage: python inherit.py FOLDER NUM_SAMPLES
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "0.5"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
import torch
from patience import patient
from ray import tune

from ray_nas.searchers import RegularizedEvolution
from ray_nas.sharing import inherit_weights
from ray_nas.spaces import MLPSpace

space = MLPSpace(4, 1, max_layers=2, widths=(4, 8))
EPOCHS = 3


def train(config: dict) -> None:
    """Three epochs that each change every weight; `moved` counts the changes of the oldest."""
    torch.set_num_threads(1)
    network, lineage = inherit_weights(space, config, batch=torch.rand(32, 4))
    if lineage.inheritance.kind == "fresh" and lineage.epoch == 0:
        with torch.no_grad():
            network[1].bias.zero_()
    while lineage.epoch < EPOCHS:
        with torch.no_grad():
            network[1].bias += 1
        moved = network[1].bias.item()
        time.sleep(0.1)
        lineage.report({"score": moved + config["depth"] / 10, "moved": moved}, network)


def main(folder: Path, num_samples: int) -> None:
    """Starts or restores the experiment, and prints its trials as JSON."""
    patient(ray.init)(
        address="local", num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False
    )
    path = folder / "inherit"
    trainable = tune.with_resources(train, {"cpu": 1})
    if tune.Tuner.can_restore(path):
        tuner = tune.Tuner.restore(str(path), trainable=trainable)
    else:
        search = RegularizedEvolution(
            *(space, "score", "max"),
            population_size=4,
            tournament_size=2,
            inherit_weights=True,
            seed=1,
        )
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=search, num_samples=num_samples, reuse_actors=True
            ),
            run_config=tune.RunConfig(name="inherit", storage_path=str(folder), verbose=0),
        )
    metrics = [result.metrics for result in tuner.fit()]
    keys = ("trial_id", "moved", "epoch", "lineage_epochs", "inheritance", "inherited_share")
    print(json.dumps([{key: row[key] for key in keys} for row in metrics]))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]))
