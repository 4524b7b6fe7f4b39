"""A search on three local nodes: two die at random moments, then the driver is restarted.

Usage: python three_nodes.py FOLDER NUM_SAMPLES SEED            # the nodes, and the killing
       python three_nodes.py FOLDER NUM_SAMPLES SEED ADDRESS    # the driver

The driver writes how each trial ended to FOLDER/told.json, trainables leave a file in FOLDER/loaded
for each checkpoint used."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "1"
os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"

import ray
from ray import tune
from ray.cluster_utils import Cluster

from ray_nas import record
from ray_nas.record import files as record_files
from ray_nas.record.events import TrialEnded
from ray_nas.schedulers import LearningCurveASHA
from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import NASBench201

EPOCHS = 9
HEALTH = {
    "health_check_period_ms": 1_000,
    "health_check_timeout_ms": 10_000,
    "health_check_failure_threshold": 5,
}
"""A killed node refuses connections and is missed after five seconds; one that is only slow is
given its time.
"""


def trainable(loaded: Path) -> type[tune.Trainable]:
    class Train(tune.Trainable):
        """Counts convolutions over the epochs; its progress survives its node in checkpoints."""

        def setup(self, config: dict) -> None:
            self.epoch, self.convs = 0, sum("conv" in operation for operation in config.values())

        def step(self) -> dict:
            time.sleep(0.2)
            self.epoch += 1
            return {
                "score": self.convs + self.epoch / 10,
                "epoch": self.epoch,
            }  # the scheduler stops it

        def save_checkpoint(self, folder: str) -> dict:
            return {"epoch": self.epoch}

        def load_checkpoint(self, state: dict) -> None:
            self.epoch = state["epoch"]
            (loaded / f"{self.trial_id} {self.epoch}").touch()

        def reset_config(self, new_config: dict) -> bool:
            self.setup(new_config)
            return True

    return Train


def drive(folder: Path, number: int, seed: int, address: str) -> None:
    """Starts the search, or goes on with it."""
    ray.init(address=address, log_to_driver=False)
    train = tune.with_resources(trainable(folder / "loaded"), {"cpu": 1})
    if tune.Tuner.can_restore(str(folder / "run")):
        tuner = tune.Tuner.restore(str(folder / "run"), train, resume_errored=True)
    else:
        tuner = tune.Tuner(
            train,
            tune_config=tune.TuneConfig(
                search_alg=RegularizedEvolution(
                    NASBench201(2, 1),
                    "score",
                    "max",
                    population_size=3,
                    tournament_size=2,
                    seed=seed,
                ),
                scheduler=LearningCurveASHA(
                    time_attr="epoch", metric="score", mode="max", max_t=EPOCHS, grace_period=3
                ),
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
        )
    results = tuner.fit()
    ended = [
        [result.metrics["trial_id"], result.metrics["epoch"], str(result.error or "")]
        for result in results
    ]
    (folder / "told.json").write_text(json.dumps(ended))


def ends(folder: Path) -> int:
    """How many trials have ended, by the record."""
    if not list((folder / "run").glob(record_files.RECORD_FILES)):
        return 0
    return sum(isinstance(event, TrialEnded) for event in record.read_events(folder / "run"))


def wait_for(folder: Path, driver: subprocess.Popen, number: int) -> None:
    """Until so many trials have ended."""
    while ends(folder) < number:
        assert driver.poll() is None, f"the driver ended before {number} trials had"
        time.sleep(0.1)


def wait_for_checkpoint(folder: Path, driver: subprocess.Popen) -> None:
    """Waits until a continued trial has reported twice, so that its checkpoint is saved."""
    while not goes_on(folder):
        assert driver.poll() is None, (
            "the driver ended before a trial that went on was saved with a checkpoint"
        )
        time.sleep(0.05)


def goes_on(folder: Path) -> bool:
    """Whether a trial that has not ended has reported twice."""
    try:
        trials = list(record.load(folder / "run").trials.values())
    except record.RecordError:  # Tune is copying it into the storage right now
        return False
    return any(trial.status == "unfinished" and len(trial.reports) > 1 for trial in trials)


def main(folder: Path, number: int, seed: int) -> None:
    """Kills nodes after a quarter and two quarters of the trials, the driver after three."""
    (folder / "loaded").mkdir()
    rng = random.Random(seed)
    head = {"num_cpus": 1, "num_gpus": 0, "include_dashboard": False, "_system_config": HEALTH}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [cluster.add_node(num_cpus=1, num_gpus=0) for _ in range(2)]
    command = [sys.executable, *sys.argv, cluster.address]
    driver = subprocess.Popen(command)
    for quarter in (1, 2):
        wait_for(folder, driver, quarter * number // 4)
        time.sleep(rng.random())
        cluster.remove_node(nodes.pop(rng.randrange(len(nodes))), allow_graceful=False)
    wait_for(folder, driver, 3 * number // 4)
    time.sleep(rng.random())
    wait_for_checkpoint(folder, driver)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert not (folder / "told.json").exists()
    subprocess.run(command, check=True)
    cluster.shutdown()


if __name__ == "__main__":
    place = Path(sys.argv[1]).resolve()
    if len(sys.argv) > 4:
        drive(place, int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        main(place, int(sys.argv[2]), int(sys.argv[3]))
