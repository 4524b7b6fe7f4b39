"""Every searcher is replayed from its record, whatever it was made with."""

from pathlib import Path

import pytest

from ray_nas.searchers.registry import SEARCHERS
from ray_nas.simulation import replay, simulate
from ray_nas.spaces import SearchSpace


def objective(config: dict):
    for epoch in range(1, 3):
        loss = sum(map(ord, str(config))) % 97 + 1 / epoch
        yield 1.0, {"loss": loss, "training_iteration": epoch}


@pytest.mark.parametrize("name", SEARCHERS)
def test_every_searcher_is_made_anew_from_its_record(
    name: str, mixed_space: SearchSpace, tmp_path: Path
) -> None:
    points = [mixed_space.sample(random_state=4)]
    try:
        searcher = SEARCHERS[name](mixed_space, "loss", "min", points_to_evaluate=points)
    except ImportError:
        pytest.skip('the extra "bohb" wants a C compiler')
    simulate(objective, searcher, num_workers=3, max_trials=14)
    searcher.save(str(tmp_path / "state.json"))
    again = replay(tmp_path, space=mixed_space)
    assert (again.difference, again.proposals, again.ends) == (None, 14, 14)
