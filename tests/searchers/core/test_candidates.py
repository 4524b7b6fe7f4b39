"""The next config: points first, then the strategy, then whatever is left."""

import json
from pathlib import Path

import pytest
from ray import tune
from torch import nn

from ray_nas.searchers import RandomSearch
from ray_nas.searchers.core.candidates import CandidateSelector
from ray_nas.spaces import ModelSpace, NASBench201, SearchSpace, ValueChoice


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


class Net(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Linear(4, width := ValueChoice("width", [8, 16, 32])))
        self.append(nn.Linear(width, 2))


def test_the_network_as_it_was_written_comes_first() -> None:
    space = ModelSpace(Net)
    searcher = RandomSearch(space, "score", "max", points_to_evaluate=[{"width": 32}], seed=0)
    assert configs(searcher, 2) == [{"width": 8}, {"width": 32}]
    assert searcher.ledger.proposals["0"].move == "baseline"


def test_a_given_baseline_may_break_a_limit_but_not_the_networks_own() -> None:
    space = ModelSpace(Net)
    limits = {"costs": lambda config: {"units": config["width"]}, "constraints": {"units": (9, 20)}}
    own = RandomSearch(space, "score", "max", seed=0, **limits)
    assert own.suggest("0") == {"width": 16}
    assert own.ledger.proposals["0"].move == "random"
    given = RandomSearch(space, "score", "max", baseline={"width": 32}, seed=0, **limits)
    assert configs(given, 2) == [{"width": 32}, {"width": 16}]


def test_a_baseline_outside_the_space_is_refused() -> None:
    with pytest.raises(ValueError, match=r"baseline: .*width"):
        RandomSearch(ModelSpace(Net), "score", "max", baseline={"width": 7})


def test_a_baseline_beside_hyperparameters() -> None:
    param_space = {"arch": ModelSpace(Net), "lr": tune.uniform(0.0, 1.0)}
    searcher = RandomSearch(metric="score", mode="max", seed=0)
    searcher.set_search_properties(None, None, param_space)
    assert searcher.suggest("0") == {"arch": {"width": 8}, "lr": 0.5}


def test_a_restored_search_proposes_no_second_baseline(tmp_path: Path) -> None:
    first = RandomSearch(ModelSpace(Net), "score", "max", seed=0)
    first.suggest("0")
    first.save(str(tmp_path / "state.json"))
    second = RandomSearch(ModelSpace(Net), "score", "max", seed=0)
    second.restore(str(tmp_path / "state.json"))
    second.suggest("1")
    assert second.ledger.proposals["1"].move == "random"


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
