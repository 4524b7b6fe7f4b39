from typing import Any

import pytest

from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import NASBench201


def make(space: NASBench201, **more: Any) -> RegularizedEvolution:
    given = {"population_size": 4, "tournament_size": 4, "seed": 0, **more}
    return RegularizedEvolution(space, "score", "max", **given)


def run(searcher: RegularizedEvolution, scores: list[float], first: int = 0) -> None:
    for number, score in enumerate(scores, start=first):
        searcher.suggest(str(number))
        searcher.on_trial_complete(str(number), {"score": score})


def test_the_oldest_member_dies_even_if_it_is_the_best(cells: NASBench201) -> None:
    searcher = make(cells)
    run(searcher, [9.0, 1.0, 2.0, 3.0, 0.0])
    proposals = searcher.ledger.proposals
    assert [proposals[str(number)].move for number in range(5)] == ["random"] * 4 + ["mutation"]
    assert proposals["4"].parents == ("0",)  # the best of all four
    assert list(searcher._population) == ["1", "2", "3", "4"]
    searcher.suggest("5")
    assert proposals["5"].parents == ("3",)


def test_failed_trials_do_not_enter_the_population(cells: NASBench201) -> None:
    searcher = make(cells)
    run(searcher, [1.0, 2.0])
    searcher.suggest("failed")
    searcher.on_trial_complete("failed", error=True)
    assert list(searcher._population) == ["0", "1"]


def test_a_crossover_has_two_parents(cells: NASBench201) -> None:
    searcher = make(cells, crossover_rate=1.0, tournament_size=1)
    run(searcher, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert searcher.ledger.proposals["4"].move == "crossover"
    assert len(searcher.ledger.proposals["4"].parents) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"population_size": 0}, "population_size must be an integer >= 1, got 0"),
        ({"tournament_size": 5}, "tournament_size must be an integer >= 1 and <= 4, got 5"),
        ({"crossover_rate": 1.5}, "crossover_rate must be a finite number >= 0 and <= 1, got 1.5"),
    ],
)
def test_wrong_arguments_are_named(cells: NASBench201, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(cells, **arguments)
