"""A search to be killed, restored and replayed: `python replayed.py FOLDER TRIALS SCHEDULER`.

The same command again restores it.
"""

import os
import sys
import time
from pathlib import Path

if __name__ == "__main__":  # not in a test that imports it
    os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "0.3"
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = "4"
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from patience import patient
from ray import tune
from ray.tune.schedulers import ASHAScheduler, TrialScheduler

from ray_nas.schedulers import LearningCurveASHA, MultiObjectiveASHA, Resumable
from ray_nas.searchers import Bananas, RegularizedEvolution
from ray_nas.spaces import NASBench201

MAX_T = 9
OBJECTIVES = {"score": "max", "size": "min"}
space = NASBench201(2, 1)


class Train(tune.Trainable):
    """A learning curve that depends on the convolutions; every third trial is checkpointed."""

    def setup(self, config: dict) -> None:
        self.epoch = 0
        self.convolutions = sum("conv" in operation for operation in config.values())
        self.noise = sum(map(ord, str(config))) % 17 / 100

    def step(self) -> dict:
        time.sleep(0.002 * (1 + self.convolutions))
        self.epoch += 1
        score = (self.convolutions + 1) * (1 - 0.7**self.epoch) + self.noise
        return {"score": score, "size": self.convolutions, "epoch": self.epoch}

    def save_checkpoint(self, folder: str) -> dict:
        return {"epoch": self.epoch}

    def load_checkpoint(self, state: dict) -> None:
        self.epoch = state["epoch"]

    def reset_config(self, new_config: dict) -> bool:
        self.setup(new_config)
        return True


def make_scheduler(name: str) -> TrialScheduler:
    asha = ASHAScheduler("epoch", max_t=MAX_T, reduction_factor=3)
    return {
        "ASHA": lambda: asha,
        "Resumable": lambda: Resumable(asha),
        "LearningCurveASHA": lambda: LearningCurveASHA(time_attr="epoch", max_t=MAX_T),
        "MultiObjectiveASHA": lambda: MultiObjectiveASHA(
            time_attr="epoch", objectives=OBJECTIVES, max_t=MAX_T
        ),
    }[name]()


def make_tuner(folder: Path, trials: int, scheduler: str) -> tune.Tuner:
    if (folder / "run" / "tuner.pkl").exists():
        return tune.Tuner.restore(str(folder / "run"), tune.with_resources(Train, {"cpu": 1}))
    if scheduler == "MultiObjectiveASHA":
        searcher = Bananas(space, objectives=OBJECTIVES, time_attr="epoch")
    else:
        searcher = RegularizedEvolution(space, population_size=10, tournament_size=4)
    goal = {} if scheduler == "MultiObjectiveASHA" else {"metric": "score", "mode": "max"}
    return tune.Tuner(
        tune.with_resources(Train, {"cpu": 1}),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=make_scheduler(scheduler),
            num_samples=trials,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
            **goal,
        ),
        run_config=tune.RunConfig(
            name="run",
            storage_path=str(folder),
            callbacks=[],
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=3),
        ),
    )


def main(folder: Path, trials: int, scheduler: str) -> None:
    patient(ray.init)(
        address="local", num_cpus=4, num_gpus=0, include_dashboard=False, log_to_driver=False
    )
    make_tuner(folder, trials, scheduler).fit()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]), sys.argv[3])
