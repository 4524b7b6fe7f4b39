"""Three nodes on this machine, two of which die during a small search. Writes how each trial ended to FOLDER/told.json.

Usage: python three_nodes.py FOLDER NUM_SAMPLES SEED
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "1"

import random

import ray
from ray import tune
from ray.cluster_utils import Cluster

from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import NASBench201


class Train(tune.Trainable):
    """Counts convolutions over three epochs; its progress survives its node in checkpoints."""

    def setup(self, config: dict) -> None:
        self.epoch, self.convs = 0, sum("conv" in operation for operation in config.values())

    def step(self) -> dict:
        time.sleep(0.3)
        self.epoch += 1
        return {"score": self.convs + self.epoch / 10, "epoch": self.epoch, "done": self.epoch == 3}

    def save_checkpoint(self, folder: str) -> dict:
        return {"epoch": self.epoch}

    def load_checkpoint(self, state: dict) -> None:
        self.epoch = state["epoch"]

    def reset_config(self, new_config: dict) -> bool:
        self.setup(new_config)
        return True


HEALTH = {"health_check_period_ms": 1_000, "health_check_timeout_ms": 10_000, "health_check_failure_threshold": 5}
"""A killed node refuses connections and is missed after five seconds; one that is only slow is given its time."""


def kill(cluster: Cluster, nodes: list, folder: Path, rng: random.Random, deaths: list) -> None:
    """Takes away a node whenever trials have got somewhere; the head, with the driver, stays."""
    for reached in (2, 4):
        while len(list(folder.glob("run/*/checkpoint_*"))) < reached:
            time.sleep(0.1)
        time.sleep(rng.random())
        cluster.remove_node(nodes.pop(rng.randrange(len(nodes))), allow_graceful=False)
        deaths.append(time.time())


def main(folder: Path, number: int, seed: int) -> None:
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 0, "include_dashboard": False, "_system_config": HEALTH}
    )
    nodes = [cluster.add_node(num_cpus=1, num_gpus=0) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    deaths: list[float] = []
    killer = threading.Thread(target=kill, args=(cluster, nodes, folder, random.Random(seed), deaths), daemon=True)
    killer.start()
    results = tune.Tuner(
        tune.with_resources(Train, {"cpu": 1}),
        tune_config=tune.TuneConfig(
            search_alg=RegularizedEvolution(NASBench201(2, 1), "score", "max", population_size=3, tournament_size=2, seed=seed),
            num_samples=number,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="run",
            storage_path=str(folder),
            callbacks=[],
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=-1),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1),
        ),
    ).fit()
    ended = [
        {"trial": result.metrics["trial_id"], "epoch": result.metrics["epoch"], "error": str(result.error or "")} for result in results
    ]
    (folder / "told.json").write_text(json.dumps({"deaths": len(deaths), "trials": ended}))
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]), int(sys.argv[3]))
