"""An experiment that a test kills: `python crash_driver.py FOLDER SEARCHER`.

The same command again restores it.
"""

import json
import math
import sys
import time
from pathlib import Path

import pandas as pd
import ray
from ConfigSpace import ConfigurationSpace
from patience import patient
from ray import tune
from ray.tune.search.basic_variant import BasicVariantGenerator

from ray_nas.schedulers import LearningCurveASHA
from ray_nas.searchers import RandomSearch
from ray_nas.spaces import SearchSpace

MAX_T, NUM_SAMPLES = 9, 24


def value(x: float, epoch: int) -> float:
    return x * (1 - math.exp(-epoch / 3)) + 0.05 * math.sin(40 * x + epoch)


def prior() -> pd.DataFrame:
    rows = [
        {"trial": i, "x": i / 40, "epoch": t, "score": value(i / 40, t)}
        for i in range(40)
        for t in range(1, MAX_T + 1)
    ]
    return pd.DataFrame(rows)


class Logged(LearningCurveASHA):
    """Appends each judged report and its decision to a file that no restore rewinds."""

    log = Path()

    def on_trial_result(self, tune_controller, trial, result):
        before = self._reports
        decision = super().on_trial_result(tune_controller, trial, result)
        if self._reports > before:
            line = {
                "n": self._reports,
                "trial": trial.trial_id,
                "config": trial.config,
                "epoch": result["epoch"],
                "score": result["score"],
                "decision": decision,
            }
            with self.log.open("a") as file:
                file.write(json.dumps(line) + "\n")
        return decision


def make_scheduler() -> Logged:
    return Logged(
        time_attr="epoch", metric="score", mode="max", max_t=MAX_T, grace_period=1, prior=prior()
    )


def train(config):
    for epoch in range(1, MAX_T + 1):
        time.sleep(0.03)
        tune.report({"score": value(config["x"], epoch), "epoch": epoch})


def main() -> None:
    folder, kind = Path(sys.argv[1]), sys.argv[2]
    Logged.log = folder / "log.jsonl"
    patient(ray.init)(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        logging_level="ERROR",
        log_to_driver=False,
    )
    if (folder / "run" / "tuner.pkl").exists():
        tuner = tune.Tuner.restore(str(folder / "run"), train)
    else:
        space = SearchSpace(ConfigurationSpace({"x": (0.0, 1.0)}, seed=0))
        ours = kind == "ours"
        tuner = tune.Tuner(
            tune.with_resources(train, {"cpu": 1}),
            param_space={} if ours else {"x": tune.uniform(0, 1)},
            tune_config=tune.TuneConfig(
                search_alg=RandomSearch(space, metric="score", mode="max", seed=1)
                if ours
                else BasicVariantGenerator(random_state=1),
                scheduler=make_scheduler(),
                num_samples=NUM_SAMPLES,
                max_concurrent_trials=2,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(name="run", storage_path=str(folder), verbose=0),
        )
    results = tuner.fit()
    ends = {r.metrics["trial_id"]: r.metrics["epoch"] for r in results}
    (folder / "ends.json").write_text(json.dumps(ends))


if __name__ == "__main__":
    main()
