"""A Ray runtime, and one real experiment with what a searcher sees in each of Tune's calls."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from local_ray import local_ray
from ray import tune
from ray.tune.search import Searcher

from ray_nas.tune_internals.call_stack import metric_and_mode
from ray_nas.tune_internals.trial_errors import trial_error
from ray_nas.tune_internals.tune_controller import run_is_over, tune_trials


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with local_ray():
        yield


class Observer(Searcher):
    """Proposes one trial after another, and keeps what it sees in each call."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[SimpleNamespace] = []

    def _look_around(self, call: str, **more: Any) -> None:
        trials = {trial.trial_id: trial.status for trial in tune_trials()}
        self.seen.append(
            SimpleNamespace(
                call=call,
                metric_and_mode=metric_and_mode(),
                trials=trials,
                run_is_over=run_is_over(),
                error=trial_error(),
                **more,
            )
        )

    def suggest(self, trial_id: str) -> dict[str, Any]:
        self._look_around("suggest", trial_id=trial_id)
        return {"fails": sum(each.call == "suggest" for each in self.seen) == 2}

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        self._look_around("end", trial_id=trial_id, failed=error)

    def save(self, checkpoint_path: str) -> None:
        Path(checkpoint_path).write_text("")
        self._look_around("save")

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError


@pytest.fixture(scope="session")
def observations(tmp_path_factory: pytest.TempPathFactory) -> list[SimpleNamespace]:
    """A run of three trials, of which the second runs out of memory."""

    def train(config: dict[str, Any]) -> None:
        if config["fails"]:
            raise MemoryError("too large")
        tune.report({"score": 1.0})

    observer = Observer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own start
        ray.init(
            address="local", num_cpus=1, num_gpus=0, include_dashboard=False, log_to_driver=False
        )
        try:
            tune.run(
                train,
                search_alg=observer,
                metric="score",
                mode="max",
                num_samples=3,
                storage_path=str(tmp_path_factory.mktemp("observed")),
                verbose=0,
                raise_on_failed_trial=False,
            )
        finally:
            ray.shutdown()
    return observer.seen
