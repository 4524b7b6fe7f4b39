"""Fails when Ray's schedulers need more, or its controller calls in another order."""

import ast
import inspect
import re
from pathlib import Path

from ray.tune import schedulers
from ray.tune.execution.tune_controller import TuneController
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from ray_nas.simulation.virtual_controller import VirtualController
from ray_nas.simulation.virtual_trial import VirtualTrial


def names_after(variables: set[str]) -> set[str]:
    """The attributes of these variables that Ray's stopping schedulers use."""
    found = set()
    for name in (
        "trial_scheduler",
        "async_hyperband",
        "median_stopping_rule",
        "hyperband",
        "hb_bohb",
    ):
        path = Path(inspect.getfile(schedulers)).parent / f"{name}.py"
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in variables
            ):
                found.add(node.attr)
    return found


def test_schedulers_ask_no_more_of_the_controller() -> None:
    controller = VirtualController(
        lambda config: iter(()), Searcher("score", "max"), FIFOScheduler(), 1, 0
    )
    asked = names_after({"tune_controller"})
    assert {"get_trials", "stop_trial", "search_alg"} <= asked
    assert not [name for name in asked if not hasattr(controller, name)]


def test_schedulers_ask_no_more_of_a_trial() -> None:
    trial = VirtualTrial("t", 0, {})
    asked = names_after({"trial", "t", "other"})
    assert {"status", "trial_id", "is_saving"} <= asked
    assert not [name for name in asked if not hasattr(trial, name)]


def test_tunes_controller_still_calls_in_this_order() -> None:
    result = inspect.getsource(TuneController._process_trial_result)
    order = [
        "_scheduler_alg.on_trial_result",
        "decision == TrialScheduler.STOP",
        "_search_alg.on_trial_result",
        "trial.update_last_result",
    ]
    positions = [result.index(text) for text in order]
    assert positions == sorted(positions)
    stop = inspect.getsource(TuneController.stop_trial)
    assert re.search(
        r"_scheduler_alg\.on_trial_remove\(self, trial\)\s+"
        r"self\._search_alg\.on_trial_complete\(trial\.trial_id\)",
        stop,
    )
    assert stop.index("_scheduler_alg.on_trial_complete") < stop.index(
        "trial.trial_id, result=flatten_dict(trial.last_result)"
    )
    failure = inspect.getsource(TuneController._process_trial_failure)
    assert failure.index("_scheduler_alg.on_trial_error") < failure.index(
        "_search_alg.on_trial_complete(trial.trial_id, error=True)"
    )
