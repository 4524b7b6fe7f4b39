"""Which checkpoint a child's config names."""

from pathlib import Path

import ConfigSpace as CS
import pytest

from ray_nas import record
from ray_nas.searchers import RegularizedEvolution
from ray_nas.searchers.core.parent_checkpoints import INHERIT_FROM
from ray_nas.spaces import NASBench201, SearchSpace


def evolution(space: SearchSpace, **arguments: object) -> RegularizedEvolution:
    settings = {
        "population_size": 3,
        "tournament_size": 2,
        "inherit_weights": True,
        "seed": 1,
        **arguments,
    }
    return RegularizedEvolution(space, "score", "max", **settings)


def result(number: int, checkpoint: str | None = "checkpoint_000001") -> dict:
    return {
        "score": float(number % 4),
        "trial_folder": f"train_{number}",
        "checkpoint_dir_name": checkpoint,
        "inheritance": "partial",
    }


def run(
    search: RegularizedEvolution, first: int, last: int, **arguments: object
) -> dict[str, dict]:
    configs = {}
    for number in range(first, last):
        configs[f"t{number}"] = search.suggest(f"t{number}")
        search.on_trial_complete(trial_id=f"t{number}", result=result(number, **arguments))
    return configs


def test_children_name_their_parents_last_checkpoint(cells: NASBench201, tmp_path: Path) -> None:
    search = evolution(cells)
    configs = run(search, 0, 12)
    search.save(str(tmp_path / "state.json"))
    for trial in list(record.load(tmp_path).trials.values()):
        config = configs[trial.trial_id]
        assert cells.own_parameters(config) == trial.config
        expected = (
            {INHERIT_FROM: f"train_{trial.parents[0][1:]}/checkpoint_000001"}
            if trial.parents
            else {}
        )
        assert config == {**trial.config, **expected}
        assert trial.inheritance == "partial"
    plain = run(evolution(cells, inherit_weights=False), 0, 12)
    assert plain == {name: cells.own_parameters(config) for name, config in configs.items()}, (
        "the search itself is the same"
    )


def test_the_last_checkpoint_counts_and_reports_without_one_change_nothing(
    cells: NASBench201,
) -> None:
    search = evolution(cells, population_size=1, tournament_size=1)
    search.suggest("t0")
    for name in ("checkpoint_000000", "checkpoint_000001", None):
        search.on_trial_result(trial_id="t0", result={**result(0, name), "training_iteration": 1})
    search.on_trial_complete(trial_id="t0", result=None)
    assert search.suggest("t1")[INHERIT_FROM] == "train_0/checkpoint_000001"


def test_parents_without_a_checkpoint_leave_none(cells: NASBench201) -> None:
    configs = run(evolution(cells), 0, 10, checkpoint=None)
    assert all(INHERIT_FROM not in config for config in configs.values())


@pytest.mark.parametrize("cut", [2, 7])
def test_a_restored_search_still_knows_the_checkpoints(
    cells: NASBench201, cut: int, tmp_path: Path
) -> None:
    search = evolution(cells)
    run(search, 0, cut)
    pending = search.suggest("waiting")
    search.on_trial_result(trial_id="waiting", result={**result(99), "training_iteration": 1})
    search.save(str(tmp_path / "state.json"))
    restored = evolution(cells, seed=7)
    restored.restore(str(tmp_path / "state.json"))
    assert restored.suggest("waiting") == pending
    for one in (search, restored):
        one.on_trial_complete(trial_id="waiting", result=None)
    assert run(restored, cut, cut + 10) == run(search, cut, cut + 10)


def test_the_state_holds_no_more_than_the_population(cells: NASBench201, tmp_path: Path) -> None:
    search = evolution(cells)
    run(search, 0, 60)
    assert len(search._checkpoints.get_state()) == 3


def test_a_parameter_of_the_same_name_is_refused() -> None:
    space = CS.ConfigurationSpace()
    space.add(CS.CategoricalHyperparameter(INHERIT_FROM, ["a", "b"]))
    with pytest.raises(ValueError, match="space must not have a parameter 'inherit_from'"):
        evolution(SearchSpace(space)).suggest("t0")
