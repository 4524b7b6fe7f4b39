"""A wrapper passes every call on."""

from pathlib import Path

import pytest

from ray_nas.searchers import LocalSearch
from ray_nas.searchers.core.wrapper import SearcherWrapper
from ray_nas.spaces import NASBench201


def test_a_wrapped_search_proposes_and_restores_like_the_inner_one(
    cells: NASBench201, tmp_path: Path
) -> None:
    plain = LocalSearch(cells, "score", "max", seed=1)
    wrapped = SearcherWrapper(LocalSearch(cells, "score", "max", seed=1))
    for searcher in (plain, wrapped):
        for number in range(10):
            searcher.suggest(str(number))
            searcher.on_trial_result(str(number), {"score": number % 3})
            searcher.on_trial_complete(str(number), {"score": number % 4})
    wrapped.save(str(tmp_path / "state.json"))
    restored = SearcherWrapper(LocalSearch(cells, "score", "max", seed=1))
    restored.restore(str(tmp_path / "state.json"))
    assert restored.suggest("next") == wrapped.suggest("next") == plain.suggest("next")
    assert wrapped.ledger is wrapped.inner.ledger
    assert (wrapped.metric, wrapped.mode) == ("score", "max")
    assert wrapped.objectives == {"score": "max"}
    assert wrapped.space is wrapped.inner.space


def test_only_searchers_of_this_package_are_wrapped() -> None:
    with pytest.raises(TypeError, match="must be a searcher of ray_nas, got int"):
        SearcherWrapper(3)
