"""What a strategy learns from reports and ends, and which checkpoints are kept."""

import math

import pytest
from ConfigSpace import ConfigurationSpace

from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import NASBench201


def test_unusable_ends_fail_and_later_trials_rescore_earlier_ones(cells: NASBench201) -> None:
    searcher = RegularizedEvolution(cells, objectives={"accuracy": "max", "latency": "min"}, seed=0)
    results = {"a": (0.8, 2.0), "b": (math.nan, 1.0), "c": (0.9, 1.0)}
    for trial_id, (accuracy, latency) in results.items():
        searcher.suggest(trial_id)
        searcher.on_trial_complete(trial_id, {"accuracy": accuracy, "latency": latency})
    assert set(searcher._population) == {"a", "c"}
    assert searcher._population == searcher.evaluator.scores
    assert searcher._population["a"] < 0 < searcher._population["c"]


def test_a_parameter_named_inherit_from_is_refused() -> None:
    space = ConfigurationSpace({"inherit_from": ["a", "b"]})
    searcher = RegularizedEvolution(space, "score", "max", inherit_weights=True)
    with pytest.raises(ValueError, match="must not have a parameter 'inherit_from'"):
        searcher.suggest("a")
