"""What a search is about, and what contradicts it."""

from pathlib import Path
from typing import Any

import pytest
from ConfigSpace import ConfigurationSpace

from ray_nas.searchers.core.problem import SearchProblem
from ray_nas.spaces import NASBench201
from ray_nas.state.state_file import StateError


def problem(space: Any = None, metric: Any = None, mode: Any = None, **more: Any) -> SearchProblem:
    given = {"objectives": None, "constraints": None, "costs": None, **more}
    return SearchProblem("Some", space, metric, mode, **given)


def test_tunes_metric_completes_the_problem_but_may_not_contradict_it(cells: NASBench201) -> None:
    incomplete = problem(cells, mode="min")
    with pytest.raises(ValueError, match="Some has no metric"):
        incomplete.complete()
    incomplete.use_metric("loss", None)
    assert incomplete.complete().directions == {"loss": "min"}
    with pytest.raises(ValueError, match="mode is 'min' in the searcher and 'max' in Tune"):
        incomplete.use_metric("loss", "max")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"metric": ""}, ValueError, "metric must be the name of a reported metric, got ''"),
        ({"mode": "up"}, ValueError, "mode must be 'min' or 'max', got 'up'"),
        ({"metric": "a", "objectives": {"b": "min"}}, ValueError, "give either, not both"),
        ({"space": 3}, TypeError, "space must be a SearchSpace"),
        ({"space": ConfigurationSpace()}, ValueError, "space has no parameters"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        problem(**arguments)


def test_equal_functions_are_duplicates_for_one_objective_only(cells: NASBench201) -> None:
    dead = dict.fromkeys(cells.config_space, "none")
    same = {**dead, "edge_0_1": "nor_conv_3x3"}  # leads nowhere
    one = problem(cells, "accuracy", "max")
    two = problem(cells, objectives={"accuracy": "max", "latency": "min"})
    assert one.duplicate_key(dead) == one.duplicate_key(same)
    assert two.duplicate_key(dead) != two.duplicate_key(same)


def test_a_state_of_another_search_is_refused(cells: NASBench201, small_space: Any) -> None:
    saved = problem(cells, "loss", "min").get_state()
    restored = problem(cells)
    restored.set_state(Path("state"), saved)
    assert (restored.metric, restored.mode) == ("loss", "min")
    for other, message in (
        (problem(small_space), "another space"),
        (problem(cells, "accuracy"), "saved for metric 'loss', this searcher has 'accuracy'"),
        (problem(), "with a space in Tune's param_space"),
    ):
        with pytest.raises(StateError, match=message):
            other.set_state(Path("state"), saved)
    with pytest.raises(StateError, match="is the state of a Other, not of a Some"):
        restored.set_state(Path("state"), {**saved, "searcher": "Other"})
