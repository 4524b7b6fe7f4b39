"""Metrics of sub-networks survive a crash, whatever the trials are called."""

from typing import Any

from ray_nas.sharing.one_shot.evaluation_cache import EvaluationCache

CONFIGS = [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


def test_metrics_are_found_again_by_their_config(fake_trial: Any) -> None:
    cache = EvaluationCache("supernet/checkpoint", CONFIGS)
    assert cache.get(CONFIGS[0]) is None
    cache.add(CONFIGS[0], {"loss": 0.5})
    again = EvaluationCache("supernet/checkpoint", CONFIGS)
    assert again.get({"b": 2, "a": 1}) == {"loss": 0.5}
    assert again.get(CONFIGS[1]) is None


def test_other_weights_and_other_batches_have_other_files(fake_trial: Any) -> None:
    EvaluationCache("supernet/checkpoint", CONFIGS).add(CONFIGS[0], {"loss": 0.5})
    assert EvaluationCache("other/checkpoint", CONFIGS).get(CONFIGS[0]) is None
    assert EvaluationCache("supernet/checkpoint", CONFIGS[:1]).get(CONFIGS[0]) is None
