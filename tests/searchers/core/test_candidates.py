"""The next config: points first, then the strategy, then whatever is left."""

import json

import pytest

from ray_nas.searchers import RandomSearch
from ray_nas.searchers.core.candidates import CandidateSelector
from ray_nas.spaces import NASBench201, SearchSpace


def configs(searcher: RandomSearch, count: int) -> list[object]:
    return [searcher.suggest(str(number)) for number in range(count)]


def test_given_points_come_first_then_those_of_a_parent(cells: NASBench201) -> None:
    zeros = dict.fromkeys(cells.config_space, "none")
    skips = dict.fromkeys(cells.config_space, "skip_connect")
    searcher = RandomSearch(cells, "score", "max", points_to_evaluate=[zeros], seed=0)
    searcher.suggest("parent")
    convolutions = dict.fromkeys(cells.config_space, "nor_conv_3x3")
    searcher.propose_first("parent", [convolutions])
    searcher.propose_first("parent", [skips, zeros])
    assert searcher.ledger.proposals["parent"].move == "given"
    assert searcher.suggest("child") == skips
    assert searcher.ledger.proposals["child"].parents == ("parent",)
    assert searcher.suggest("next") not in (zeros, convolutions)


def test_a_point_outside_the_space_is_named(cells: NASBench201) -> None:
    zeros = dict.fromkeys(cells.config_space, "none")
    selector = CandidateSelector([zeros, {**zeros, "edge_0_1": "what"}], repeats=False)
    with pytest.raises(ValueError, match=r"points_to_evaluate\[1\]"):
        selector.check_points(cells)


def test_a_small_space_is_exhausted_once_or_repeated(small_space: SearchSpace) -> None:
    everything = {json.dumps(config, sort_keys=True) for config in small_space.grid()}
    count = len(everything)
    once = configs(RandomSearch(small_space, "score", "max", seed=0), count + 1)
    assert once[-1] == "FINISHED"
    assert {json.dumps(config, sort_keys=True) for config in once[:-1]} == everything
    again = configs(RandomSearch(small_space, "score", "max", seed=0, repeats=True), count + 3)
    assert "FINISHED" not in again


def test_state_goes_through_json(cells: NASBench201) -> None:
    zeros = dict.fromkeys(cells.config_space, "none")
    first = CandidateSelector([zeros], repeats=True)
    first.propose_first("a", [zeros])
    first.start_repeats()
    second = CandidateSelector([zeros], repeats=True)
    second.set_state(json.loads(json.dumps(first.get_state())))
    assert second.allows_duplicates
    assert json.dumps(second.get_state()) == json.dumps(first.get_state())
