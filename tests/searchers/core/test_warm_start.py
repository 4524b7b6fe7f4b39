import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ConfigSpace as CS
import numpy as np
import pandas as pd
import pytest
from ray import tune

from ray_nas import record
from ray_nas.searchers import BOHB, RandomSearch, RegularizedEvolution, Reinforce, start_from
from ray_nas.searchers.registry import SEARCHERS
from ray_nas.spaces import NASBench201, SearchSpace

NAMES = sorted(SEARCHERS)
if find_spec("hpbandster") is None:  # the extra "bohb" wants a C compiler
    NAMES.remove("BOHB")


def convolutions(config: dict[str, Any]) -> float:
    return float(sum(value == "nor_conv_3x3" for value in config.values()))


def drive(
    searcher: Any, count: int, scale: float = 1.0, metric: str = "accuracy"
) -> list[dict[str, Any]]:
    proposals = []
    for number in range(count):
        config = searcher.suggest(f"t{number}")
        proposals.append(config)
        searcher.on_trial_result(f"t{number}", {metric: 0.0, "training_iteration": 1})
        searcher.on_trial_complete(
            f"t{number}", {metric: scale * convolutions(config), "training_iteration": 2}
        )
    return proposals


@pytest.fixture
def earlier(cells: NASBench201, tmp_path: Path) -> Path:
    """The folder of an experiment of 60 trials, one of which failed."""
    searcher = RandomSearch(cells, "accuracy", "max", seed=0)
    drive(searcher, 60)
    searcher.suggest("broken")
    searcher.on_trial_complete("broken", error=True)
    (tmp_path / "earlier").mkdir()
    searcher.save(str(tmp_path / "earlier" / "state.json"))
    return tmp_path / "earlier"


def make(name: str, cells: NASBench201) -> Any:
    return SEARCHERS[name](cells, "score", "max", seed=1)


@pytest.mark.parametrize("name", NAMES)
def test_the_best_of_another_task_are_tried_first(
    name: str, cells: NASBench201, earlier: Path, tmp_path: Path
) -> None:
    runs = []
    for _ in range(2):
        searcher = start_from(
            make(name, cells), earlier, best_first=4, objectives={"accuracy": "max"}
        )
        runs.append(drive(searcher, 15, metric="score"))
    assert runs[0] == runs[1]
    best = record.load(earlier).ranked()
    assert [convolutions(config) for config in runs[0][:4]] == [
        trial.metrics["accuracy"] for trial in best[:4]
    ]
    searcher.save(str(tmp_path / "state.json"))
    trials = list(record.load(tmp_path).trials.values())
    assert len(trials) == 15, "the other task's trials are not this experiment's"
    assert {trial.move for trial in trials[:4]} == {"earlier"}
    assert all(trial.parents[0].startswith("earlier_") for trial in trials[:4])


@pytest.mark.parametrize("name", NAMES)
def test_trials_of_the_same_task_are_not_proposed_again(
    name: str, cells: NASBench201, earlier: Path
) -> None:
    searcher = SEARCHERS[name](cells, "accuracy", "max", seed=1)
    proposals = drive(start_from(searcher, record.load(earlier), same_task=True), 30)
    done = {cells.canonical(trial.config) for trial in list(record.load(earlier).trials.values())}
    assert not done & {cells.canonical(config) for config in proposals}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cut", [0, 2])
@pytest.mark.parametrize("same_task", [False, True])
def test_a_searcher_restored_from_its_state_goes_on_with_it(
    name: str, cut: int, same_task: bool, cells: NASBench201, earlier: Path, tmp_path: Path
) -> None:
    def fresh() -> Any:
        return SEARCHERS[name](cells, "accuracy", "max", seed=1)

    searcher = start_from(fresh(), earlier, same_task=same_task)
    if cut == 0:
        searcher.on_trial_complete("nobody")  # the search has started
    drive(searcher, cut)
    searcher.save(str(tmp_path / "state.json"))
    restored = fresh()
    restored.restore(str(tmp_path / "state.json"))
    assert drive(restored, 15)[cut:] == drive(searcher, 15)[cut:]


def test_earlier_trials_beyond_a_limit_on_costs_score_the_same_after_a_restore(
    cells: NASBench201, earlier: Path, tmp_path: Path
) -> None:
    def fresh() -> RegularizedEvolution:
        few = {
            "costs": lambda config: {"convs": convolutions(config)},
            "constraints": {"convs": (None, 1)},
        }
        return RegularizedEvolution(
            cells, objectives={"accuracy": "max", "training_iteration": "min"}, seed=1, **few
        )

    searcher = start_from(fresh(), earlier, same_task=True)
    drive(searcher, 3)
    searcher.save(str(tmp_path / "state.json"))
    restored = fresh()
    restored.restore(str(tmp_path / "state.json"))
    assert len(searcher.evaluator.scores) == 63
    assert restored.evaluator.scores == searcher.evaluator.scores
    assert drive(restored, 15)[3:] == drive(searcher, 15)[3:]


def test_evolution_begins_with_the_earlier_population(cells: NASBench201, earlier: Path) -> None:
    searcher = start_from(
        RegularizedEvolution(cells, "accuracy", "max", seed=0), earlier, same_task=True
    )
    searcher.suggest("first")
    assert searcher.ledger.proposals["first"].move == "mutation"
    assert searcher.ledger.proposals["first"].parents[0].startswith("earlier_")


@pytest.mark.skipif("BOHB" not in NAMES, reason="needs hpbandster")
def test_bohb_has_a_model_from_the_start_and_leaves_it_for_its_own(
    cells: NASBench201, earlier: Path
) -> None:
    searcher = start_from(
        BOHB(cells, "score", "max", random_fraction=0.0, seed=0),
        earlier,
        best_first=0,
        objectives={"accuracy": "max"},
    )
    proposals = drive(searcher, 20, scale=100.0, metric="score")
    assert searcher.ledger.proposals["t0"].move == "model"
    assert np.mean([convolutions(config) for config in proposals]) > 1.6, "1.2 is what chance finds"
    assert min(searcher.model.losses) > 0


def test_reinforce_prefers_what_ranked_high_elsewhere(cells: NASBench201, earlier: Path) -> None:
    warm, cold = (Reinforce(cells, "score", "max", seed=0) for _ in range(2))
    start_from(warm, earlier, best_first=0, objectives={"accuracy": "max"})
    for searcher in (warm, cold):
        searcher.suggest("first")
    configs = [
        dict.fromkeys(cells.config_space, operation) for operation in ("nor_conv_3x3", "none")
    ]
    gaps = []
    for searcher in (warm, cold):
        log_probs = searcher._learner.controller(searcher._actions(configs))[0].detach()
        gaps.append(float(log_probs[0] - log_probs[1]))
    assert gaps[0] > gaps[1]


def test_data_frames_with_conditional_integers() -> None:
    config_space = CS.ConfigurationSpace(
        {"depth": (1, 3), "gate": [True, False], "width": CS.Integer("width", (8, 640))}
    )
    config_space.add(CS.EqualsCondition(config_space["width"], config_space["gate"], True))
    space = SearchSpace(config_space)
    frame = pd.DataFrame(
        {
            "depth": [1, 2, 3],
            "gate": [True, False, True],
            "width": [64, None, 128],
            "loss": [3.0, 1.0, 2.0],
            "note": "x",
        }
    )
    searcher = start_from(RandomSearch(space, "loss", "min", seed=0), frame, best_first=2)
    assert [searcher.suggest("a"), searcher.suggest("b")] == [
        {"depth": 2, "gate": False},
        {"depth": 3, "gate": True, "width": 128},
    ]
    assert type(searcher.ledger.proposals["b"].config["width"]) is int


def test_tunes_own_frames_with_a_param_space(cells: NASBench201) -> None:
    param_space = {
        "arch": cells,
        "lr": tune.loguniform(1e-4, 1e-1),
        "batch": tune.quniform(16, 64, 16),
        "layers": tune.choice([(8, 8), (16,)]),
    }
    first = RandomSearch(seed=0)
    first.set_search_properties("loss", "min", param_space)
    configs = [first.suggest(str(number)) for number in range(6)]
    rows = []
    for number, config in enumerate(configs):
        flat = {f"config/arch/{name}": value for name, value in config["arch"].items()}
        rows.append(
            {
                "loss": abs(number - 4),
                **flat,
                **{f"config/{name}": config[name] for name in ("lr", "batch", "layers")},
            }
        )
    second = start_from(RandomSearch(seed=1), pd.DataFrame(rows), best_first=2)
    second.set_search_properties("loss", "min", param_space)
    assert second.suggest("a") == configs[4]
    assert second.suggest("b") in (configs[3], configs[5])


def test_what_does_not_fit_is_told_before_the_first_trial(
    cells: NASBench201, earlier: Path
) -> None:
    config = cells.sample(random_state=0)
    with pytest.raises(ValueError, match=r"source: trial 1 .*edge_0_1.*conv7"):
        start_from(
            make("RandomSearch", cells),
            [(config, {"score": 1.0}), ({**config, "edge_0_1": "conv7"}, {"score": 1.0})],
        ).suggest("a")
    with pytest.raises(ValueError, match=r"source: metric 'score' was not reported.*objectives"):
        start_from(make("RandomSearch", cells), earlier).suggest("a")
    with pytest.raises(ValueError, match=r"best_first.*-1"):
        start_from(make("RandomSearch", cells), earlier, best_first=-1)
    with pytest.raises(ValueError, match="same_task"):
        start_from(
            make("RandomSearch", cells), earlier, same_task=True, objectives={"accuracy": "max"}
        )
    started = make("RandomSearch", cells)
    started.suggest("a")
    with pytest.raises(ValueError, match=r"searcher.*1 proposals"):
        start_from(started, earlier)
    unusable = start_from(make("RandomSearch", cells), [(config, {"score": math.nan})])
    assert isinstance(unusable.suggest("a"), dict)
