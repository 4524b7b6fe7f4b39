"""A driver to be killed: searches cells with a checkpointing trainable, and restores.

Usage: python evolve.py FOLDER NUM_SAMPLES [evolution | bohb]
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "0.5"
os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = "4"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from patience import patient
from ray import tune
from ray.tune.schedulers.hb_bohb import HyperBandForBOHB

from ray_nas.searchers import BOHB, RegularizedEvolution
from ray_nas.spaces import NASBench201


class Train(tune.Trainable):
    """Counts convolutions; its progress survives in checkpoints."""

    def setup(self, config: dict) -> None:
        self.epoch, self.convs = 0, sum("conv" in operation for operation in config.values())

    def step(self) -> dict:
        time.sleep(0.02)
        self.epoch += 1
        return {"score": self.convs + self.epoch / 10, "epoch": self.epoch, "done": self.epoch == 3}

    def save_checkpoint(self, folder: str) -> dict:
        return {"epoch": self.epoch}

    def load_checkpoint(self, state: dict) -> None:
        self.epoch = state["epoch"]

    def reset_config(self, new_config: dict) -> bool:
        self.setup(new_config)
        return True


def strategy(name: str) -> dict:
    if name == "bohb":
        scheduler = HyperBandForBOHB(
            time_attr="epoch", metric="score", mode="max", max_t=3, reduction_factor=3
        )
        return {
            "search_alg": BOHB(
                NASBench201(2, 1), time_attr="epoch", seed=1, metric="score", mode="max"
            ),
            "scheduler": scheduler,
        }
    search = RegularizedEvolution(NASBench201(2, 1), population_size=5, tournament_size=3, seed=1)
    return {"search_alg": search, "metric": "score", "mode": "max"}


def main(folder: Path, num_samples: int, name: str) -> None:
    patient(ray.init)(
        address="local", num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False
    )
    path = folder / "evolve"
    if tune.Tuner.can_restore(path):
        tuner = tune.Tuner.restore(str(path), trainable=tune.with_resources(Train, {"cpu": 1}))
    else:
        tuner = tune.Tuner(
            tune.with_resources(Train, {"cpu": 1}),
            tune_config=tune.TuneConfig(
                **strategy(name),
                num_samples=num_samples,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name="evolve", storage_path=str(folder), callbacks=[], verbose=0
            ),
        )
    results = tuner.fit()
    print(
        json.dumps(
            [
                {
                    "trial": result.metrics["trial_id"],
                    "score": result.metrics["score"],
                    "config": result.config,
                }
                for result in results
            ]
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]), *sys.argv[3:] or ["evolution"])
