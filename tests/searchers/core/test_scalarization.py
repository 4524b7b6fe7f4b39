import json
import math
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ray_nas import record
from ray_nas.pareto import hypervolume, is_nondominated, ranks
from ray_nas.searchers.core.candidates import Proposal
from ray_nas.searchers.core.evaluation import Observation
from ray_nas.searchers.core.scalarization import Scores, maximin, scores
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.searchers.registry import SEARCHERS
from ray_nas.spaces import NASBench201

rows = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=15)
NAMES = sorted(SEARCHERS)
if find_spec("hpbandster") is None:  # the extra "bohb" wants a C compiler
    NAMES.remove("BOHB")


@settings(deadline=None)
@given(rows, st.lists(st.sampled_from([0.0, 0.0, 0.5, 2.0]), min_size=15, max_size=15))
def test_scores_agree_with_constraint_domination(
    points: list[tuple[int, int]], excesses: list[float]
) -> None:
    values, violations = np.array(points, dtype=float), np.array(excesses[: len(points)])
    found = scores(values, violations)
    for i in range(len(points)):
        for j in range(len(points)):
            if violations[i] < violations[j] or (
                violations[i] == violations[j] == 0 and (values[i] > values[j]).all()
            ):
                assert found[i] > found[j]


@given(rows)
def test_the_front_is_where_the_maximin_fitness_is_not_negative(
    points: list[tuple[int, int]],
) -> None:
    values = np.array(points, dtype=float)
    found = maximin(values)
    assert (found[is_nondominated(values)] >= 0).all()
    strictly = np.array([(values > value).all(axis=1).any() for value in values])
    assert (found[strictly] < 0).all()
    assert (np.abs(found) <= 1).all()


def test_who_stands_alone_on_the_front_scores_more() -> None:
    found = maximin(np.array([[0.0, 10.0], [0.5, 9.5], [5.0, 5.0], [10.0, 0.0]]))
    assert found[:2] == pytest.approx([0.05, 0.05])
    assert found[2:] == pytest.approx([0.45, 0.5])


def test_units_do_not_matter() -> None:
    values = np.random.default_rng(0).random((20, 2))
    assert maximin(values * [1.0, 1e6] + [0.0, 5.0]) == pytest.approx(maximin(values))


def test_one_objective_within_limits_is_its_own_score() -> None:
    values = np.array([[0.9], [0.1], [0.5]])
    assert scores(values, np.zeros(3)).tolist() == [0.9, 0.1, 0.5]
    found = scores(values, np.array([1.0, 0.0, 0.0]))
    assert found.tolist() == pytest.approx([0.1 - 0.4 * 0.5, 0.1, 0.5])


def test_scores_change_with_later_trials_and_say_so() -> None:
    live = Scores()
    assert live.add("a", (1.0, 1.0), 0.0) == (1.0, {})
    score, changed = live.add("b", (2.0, 2.0), 0.0)
    assert score == 1.0
    assert changed == {"a": -1.0}
    before = live.preview((0.0, 0.0), 0.5)
    assert before < -1.0
    assert live.add("c", (0.0, 0.0), 0.5) == (before, {})


# The strategies with it.


class Fake:
    """An accuracy and a latency that go against each other, and a memory that is known only
    afterwards.
    """

    def __init__(self, space: NASBench201) -> None:
        self.space = space

    def __call__(self, config: dict) -> dict[str, float]:
        convolutions = sum(
            3.0 if value == "nor_conv_3x3" else value == "nor_conv_1x1" for value in config.values()
        )
        wide = sum(value == "avg_pool_3x3" for value in config.values())
        return {
            "accuracy": 1.0 - 0.8**convolutions - 0.02 * wide,
            "latency_ms": 1.0 + convolutions,
            "memory": 10.0 * wide,
        }


def run(searcher: ArchitectureSearcher, first: int, last: int, in_flight: int = 1) -> list[dict]:
    evaluate, live, seen = Fake(searcher.space), [], []
    for number in range(first, last):
        config = searcher.suggest(f"t{number}")
        seen.append(config)
        live.append((f"t{number}", config))
        if len(live) == in_flight:
            trial_id, config = live.pop(0)
            fate = (
                {"error": True}
                if number % 11 == 5
                else {
                    "result": {
                        **evaluate(config),
                        **({"accuracy": math.nan} if number % 11 == 7 else {}),
                    }
                }
            )
            searcher.on_trial_complete(trial_id=trial_id, **fate)
    return seen


OBJECTIVES = {"accuracy": "max", "latency_ms": "min"}


@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_takes_several_objectives_and_limits(
    name: str, cells: NASBench201, tmp_path: Path
) -> None:
    def make() -> ArchitectureSearcher:
        return SEARCHERS[name](
            cells, objectives=OBJECTIVES, constraints={"memory": (None, 15.0)}, seed=0
        )

    searcher = make()
    assert searcher.objectives == OBJECTIVES
    run(searcher, 0, 30, in_flight=4)
    searcher.save(str(tmp_path / "state.json"))
    restored = make()
    restored.restore(str(tmp_path / "state.json"))
    assert run(restored, 30, 50) == run(searcher, 30, 50)
    statuses = {
        trial.trial_id: trial.status for trial in list(record.load(tmp_path).trials.values())
    }
    assert statuses["t0"] in ("completed", "infeasible")
    assert "error" in statuses.values()
    assert json.loads((tmp_path / "state.json").read_text())["objectives"] == OBJECTIVES


def steep(config: dict) -> dict[str, float]:
    """A front of cells without pooling and skips, whose ends are rare: drawing at random does
    not reach them.
    """
    convolutions = sum(
        3.0 if value == "nor_conv_3x3" else value == "nor_conv_1x1" for value in config.values()
    )
    idle = sum(value in ("avg_pool_3x3", "skip_connect") for value in config.values())
    return {"accuracy": convolutions / 18 - 0.1 * idle, "latency_ms": 1 + convolutions + 2 * idle}


@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_searches_the_whole_front(
    front_share: Callable[[str], float], name: str
) -> None:
    if name not in ("GridSearch", "OneShot", "RandomSearch"):
        assert front_share(name) > front_share("RandomSearch") + 0.03


@pytest.fixture(scope="module")
def front_share(cells: NASBench201) -> Callable[[str], float]:
    """The mean hypervolume that a searcher reaches in 100 trials, over two seeds."""

    @cache
    def share(name: str) -> float:
        volumes = []
        for seed in range(2):
            searcher, points = (
                SEARCHERS[name](cells, objectives=OBJECTIVES, seed=seed),
                [],
            )
            for number in range(100):
                result = steep(searcher.suggest(str(number)))
                searcher.on_trial_complete(trial_id=str(number), result=result)
                points.append([result["accuracy"], -result["latency_ms"] / 40])
            volumes.append(hypervolume(np.array(points), np.array([0.0, -1.0])))
        return float(np.mean(volumes))

    return share


@pytest.mark.parametrize("name", ["LocalSearch", "NSGA2", "RegularizedEvolution"])
def test_limits_on_reports_lead_the_search(name: str, cells: NASBench201) -> None:
    def hits(kind: str, seed: int) -> int:
        searcher = SEARCHERS[kind](
            cells, "accuracy", "max", constraints={"latency_ms": (None, 5.0)}, seed=seed
        )
        found = [Fake(cells)(config) for config in run(searcher, 0, 100)]
        return sum(point["latency_ms"] <= 5.0 and point["accuracy"] > 0.5 for point in found)

    assert sum(hits(name, seed) for seed in range(3)) > 1.25 * sum(
        hits("RandomSearch", seed) for seed in range(3)
    )


class Remembers(ArchitectureSearcher):
    """Notes what it is told."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.told: dict[str, float] = {}

    def _ask(self) -> Proposal:
        return Proposal(self.space.sample(random_state=self._rng), "random")

    def _tell(self, observation: Observation) -> None:
        self.told[observation.trial_id] = observation.score

    def _rescore(self, scores: dict[str, float]) -> None:
        assert set(scores) <= set(self.told)
        self.told.update(scores)


def test_a_strategy_always_has_the_scores_of_all_that_completed(cells: NASBench201) -> None:
    searcher = Remembers(cells, objectives=OBJECTIVES, constraints={"memory": (None, 15.0)}, seed=0)
    values, violations = [], []
    for number in range(40):
        metrics = Fake(cells)(searcher.suggest(str(number)))
        searcher.on_trial_complete(trial_id=str(number), result=metrics)
        values.append([metrics["accuracy"], -metrics["latency_ms"]])
        violations.append(max(0.0, metrics["memory"] / 15.0 - 1.0))
        expected = scores(np.array(values), np.array(violations))
        assert list(searcher.told.values()) == pytest.approx(expected.tolist())
    assert max(violations) > 0
    assert np.argmin(list(searcher.told.values())) in np.flatnonzero(
        ranks(np.array(values), np.array(violations)) > 3
    )
