"""The search starts from the best-scored candidates, and drops scores that mislead."""

import json
import math
import random
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.cloudpickle import dumps, loads

from ray_nas import record, searchers
from ray_nas.searchers import (
    ArchitectureSearcher,
    Bananas,
    OneShot,
    RandomSearch,
    RegularizedEvolution,
    ZeroCostWarmup,
    start_from,
)
from ray_nas.searchers.registry import SEARCHERS
from ray_nas.simulation import simulate
from ray_nas.spaces import NASBench201, SearchSpace
from ray_nas.state.state_file import StateError
from ray_nas.testing import SearcherContract
from ray_nas.testing.searcher_contract import drive

SPACE = NASBench201(2, 1)


def convolutions(space: SearchSpace, configs: Sequence[dict]) -> list[float]:
    """A score that neighbours share."""
    return [
        sum("conv" in value for value in one.values()) + 0.1 * ("skip" in str(one))
        for one in configs
    ]


def truth(config: dict) -> float:
    """What training would find: it agrees with `convolutions`, up to noise."""
    noise = random.Random(str(sorted(config.items()))).random()
    return convolutions(SPACE, [config])[0] + noise


def make(
    inner: type[ArchitectureSearcher] = RegularizedEvolution,
    score: Callable[..., Any] = convolutions,
    **arguments: Any,
) -> ZeroCostWarmup:
    searcher = inner(SPACE, "score", "max", seed=1)
    return ZeroCostWarmup(searcher, score=score, **{"candidates": 200, "seed": 1, **arguments})


def run(
    searcher: ZeroCostWarmup, trials: range, value: Callable[[dict], float] = truth
) -> list[dict]:
    configs = []
    for number in trials:
        config = searcher.suggest(f"t{number}")
        assert isinstance(config, dict)
        configs.append(config)
        searcher.on_trial_complete(f"t{number}", {"score": value(config)})
    return configs


def moves(searcher: ZeroCostWarmup) -> list[str]:
    return [proposal.move for proposal in searcher.ledger.proposals.values()]


def test_the_best_candidates_come_first_and_every_fourth_is_random() -> None:
    searcher = make()
    configs = run(searcher, range(20))
    assert moves(searcher) == ["warmup", "warmup", "warmup", "control"] * 5
    scored = searcher.ledger.record.scored
    assert scored is not None
    assert len(scored.configs) == 200
    best = sorted(scored.scores, reverse=True)[:15]
    chosen = [config for number, config in enumerate(configs) if number % 4 != 3]
    assert convolutions(SPACE, chosen) == best
    controls = convolutions(SPACE, configs[3::4])
    assert max(controls) < max(best) or min(controls) < min(best)


def test_the_first_population_is_made_of_them_and_then_mutated() -> None:
    searcher = make()
    run(searcher, range(24))
    assert moves(searcher)[20:] == ["mutation"] * 4


@pytest.mark.parametrize("keep", [0.5, 0.8, 1.0])
def test_the_worse_candidates_are_proposed_only_as_controls(keep: float) -> None:
    searcher = make(RandomSearch, candidates=40, keep=keep)
    run(searcher, range(60))
    found = moves(searcher)
    assert found.count("warmup") <= math.ceil(40 * keep)
    assert found.count("warmup") + found.count("control") <= 40


def test_a_score_that_agrees_stays_and_the_record_says_so(tmp_path: Path) -> None:
    searcher = make(RandomSearch)
    run(searcher, range(40))
    searcher.save(str(tmp_path / "state.json"))
    audits = record.load(tmp_path).audits
    assert [audit.results for audit in audits] == [8, 16, 32]
    assert not any(audit.dropped for audit in audits)
    assert audits[1].low > 0
    assert "warmup" in moves(searcher)[32:]


def test_a_score_that_means_nothing_is_dropped_after_16_results(tmp_path: Path) -> None:
    dropped = 0
    for seed in range(20):

        def value(config: dict, seed: int = seed) -> float:
            return random.Random(f"{seed} {sorted(config.items())}").random()

        searcher = make(RandomSearch, seed=seed)
        run(searcher, range(16), value)
        if searcher.ledger.record.audits[-1].dropped:
            dropped += 1
            last = searcher.suggest("next")
            assert isinstance(last, dict)
            assert moves(searcher)[-1] == "random"
    assert dropped >= 16


def test_a_reversed_score_is_dropped_after_8_results() -> None:
    searcher = make(score=lambda space, configs: [-one for one in convolutions(space, configs)])
    run(searcher, range(9))
    (audit,) = searcher.ledger.record.audits
    assert audit.dropped
    assert audit.high < 0
    assert moves(searcher)[8] == "random"


@pytest.mark.parametrize("cut", [0, 1, 5, 8, 13, 17, 30])
def test_a_restored_search_goes_on_without_scoring_again(cut: int, tmp_path: Path) -> None:
    calls = []

    def counted(space: SearchSpace, configs: Sequence[dict]) -> list[float]:
        calls.append(len(configs))
        return convolutions(space, configs)

    straight = make(score=counted)
    run(straight, range(cut))
    straight.save(str(tmp_path / "state.json"))
    restored = make(score=counted, seed=9)
    restored.restore(str(tmp_path / "state.json"))
    calls_before = len(calls)
    assert run(restored, range(cut, 40)) == run(straight, range(cut, 40))
    assert len(calls) == calls_before + (2 if cut == 0 else 0)
    assert restored.ledger.record.audits == straight.ledger.record.audits


def test_a_dropped_score_stays_dropped_after_a_restore(tmp_path: Path) -> None:
    def reverse(space: SearchSpace, configs: Sequence[dict]) -> list[float]:
        return [-one for one in convolutions(space, configs)]

    searcher = make(score=reverse)
    run(searcher, range(9))
    searcher.save(str(tmp_path / "state.json"))
    restored = make(score=reverse)
    restored.restore(str(tmp_path / "state.json"))
    assert restored.suggest("next") == searcher.suggest("next")
    assert moves(restored)[-1] == "random"


def test_a_state_of_another_score_or_count_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "state.json")
    searcher = make()
    run(searcher, range(3))
    searcher.save(path)

    def other(space: SearchSpace, configs: Sequence[dict]) -> list[float]:
        return convolutions(space, configs)

    with pytest.raises(StateError, match="score='convolutions', this ZeroCostWarmup has 'other'"):
        make(score=other).restore(path)
    fewer = make(candidates=50)
    with pytest.raises(StateError, match="candidates=200, this ZeroCostWarmup has 50"):
        fewer.restore(path)
    with pytest.raises(StateError, match="candidates"):
        fewer.suggest("t3")


def test_a_state_without_warmup_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "state.json")
    RegularizedEvolution(SPACE, "score", "max", seed=1).save(path)
    searcher = make()
    with pytest.raises(StateError, match="without ZeroCostWarmup"):
        searcher.restore(path)
    with pytest.raises(StateError, match="without ZeroCostWarmup"):
        searcher.suggest("t0")


def test_a_score_that_fails_does_so_before_the_first_trial() -> None:
    def fails(space: SearchSpace, configs: Sequence[dict]) -> list[float]:
        raise OSError("no data")

    searcher = make(score=fails)
    with pytest.raises(RuntimeError, match="score failed: fails raised OSError: no data"):
        searcher.suggest("t0")
    assert not searcher.ledger.proposals


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"candidates": 1}, "candidates must be"),
        ({"keep": 0.4}, "keep must be"),
        ({"keep": 1.1}, "keep must be"),
        ({"num_gpus": -1}, "num_gpus must be"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_what_is_no_searcher_or_no_score_is_named() -> None:
    with pytest.raises(TypeError, match="score must be callable"):
        make(score=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="searcher must be a searcher of ray_nas"):
        ZeroCostWarmup("RandomSearch", score=convolutions)  # type: ignore[arg-type]
    one_shot = OneShot(SPACE, "accuracy", "max")
    with pytest.raises(TypeError, match="got a OneShot: its sub-networks cost little to evaluate"):
        ZeroCostWarmup(one_shot, score=convolutions)  # type: ignore[arg-type]


def test_points_to_evaluate_and_earlier_trials_come_first() -> None:
    points = SPACE.sample(size=2, random_state=5)
    inner = RegularizedEvolution(SPACE, "score", "max", seed=1, points_to_evaluate=points)
    searcher = ZeroCostWarmup(inner, score=convolutions, candidates=50, seed=1)
    earlier = [(config, {"score": 1.0}) for config in SPACE.sample(size=3, random_state=6)]
    start_from(searcher, earlier, best_first=3)
    configs = run(searcher, range(10))
    assert configs[:2] == points
    assert moves(searcher)[3:8] == ["given"] * 2 + ["earlier"] * 3
    assert set(moves(searcher)[8:]) == {"warmup", "control"}


def test_imported_trials_of_the_same_task_are_not_candidates() -> None:
    searcher = make(candidates=300)
    known = [(config, {"score": 1.0}) for config in SPACE.sample(size=200, random_state=6)]
    start_from(searcher, known, same_task=True)
    run(searcher, range(5))
    scored = searcher.ledger.record.scored
    assert scored is not None
    keys = {SPACE.canonical(config) for config, _ in known}
    assert not keys & {SPACE.canonical(config) for config in scored.configs}


def test_bananas_believes_the_scores_until_they_are_dropped() -> None:
    searcher = make(Bananas)
    run(searcher, range(1))
    assert isinstance(searcher.inner, Bananas)
    predictor = searcher.inner._predictor
    configs = SPACE.sample(size=60, random_state=3)
    scores = predictor.prior_scores(configs)
    convs = convolutions(SPACE, configs)
    order = sorted(range(60), key=lambda index: scores[index])
    low, high = order[:15], order[-15:]
    assert sum(convs[i] for i in high) > sum(convs[i] for i in low) + 15
    searcher.inner._drop_scores()
    plain = Bananas(SPACE, "score", "max", seed=1)
    plain.prepare()
    assert predictor.prior_scores(configs).tolist() == pytest.approx(
        plain._predictor.prior_scores(configs).tolist()
    )


def test_every_fourth_decision_of_bananas_ignores_the_scores() -> None:
    searcher = make(Bananas)
    run(searcher, range(1))
    assert isinstance(searcher.inner, Bananas)
    ignored: list[bool] = []
    predictor = searcher.inner._predictor
    original = predictor.acquisition

    def spy(*arguments: Any, ignore_scores: bool = False) -> Any:
        ignored.append(ignore_scores)
        return original(*arguments, ignore_scores=ignore_scores)

    predictor.acquisition = spy  # type: ignore[method-assign]
    run(searcher, range(1, 9))
    assert ignored == [False, False, True, False, False, False, True, False]


def test_reinforce_learns_the_scores_and_forgets_dropped_ones(tmp_path: Path) -> None:
    searcher = make(searchers.Reinforce, candidates=300)
    run(searcher, range(40))
    assert moves(searcher)[:4] == ["warmup"] * 3 + ["control"]
    assert moves(searcher)[12:16] == ["controller"] * 3 + ["random"]
    inner = searcher.inner
    assert isinstance(inner, searchers.Reinforce)
    draws = inner._learner.controller.sample(200)
    mean = sum(convolutions(SPACE, draws)) / 200
    inner._drop_scores()
    blind = inner._learner.controller.sample(200)
    assert mean > sum(convolutions(SPACE, blind)) / 200 + 0.5


def test_several_objectives_and_limits() -> None:
    goals = {"score": "max", "latency": "min"}
    inner = searchers.NSGA2(SPACE, objectives=goals, constraints={"latency": (None, 9)}, seed=0)
    searcher = ZeroCostWarmup(inner, score=convolutions, candidates=60, seed=0)
    for number in range(30):
        config = searcher.suggest(f"t{number}")
        assert isinstance(config, dict)
        result = {"score": truth(config), "latency": convolutions(SPACE, [config])[0] * 2}
        searcher.on_trial_complete(f"t{number}", result)
    assert searcher.ledger.record.audits


def test_the_space_may_be_in_tunes_param_space() -> None:
    searcher = ZeroCostWarmup(
        RandomSearch(metric="score", mode="max", seed=0),
        score=lambda space, configs: [space.parameter_count(config) for config in configs],
        candidates=10,
        seed=0,
    )
    param_space = {"arch": SPACE, "lr": tune.loguniform(1e-4, 1e-1)}
    searcher.set_search_properties("score", "max", param_space)
    config = searcher.suggest("t0")
    assert isinstance(config, dict)
    assert sorted(config) == ["arch", "lr"]


def test_the_simulator_runs_it() -> None:
    def train(config: dict):
        yield 1.0, {"score": truth(config)}

    history = simulate(train, make(), max_trials=30)
    assert len(history.trials) == 30


def test_a_pickled_search_saves_its_warmup(tmp_path: Path) -> None:
    searcher = loads(dumps(make()))
    run(searcher, range(3))
    searcher.save(str(tmp_path / "state.json"))
    restored = make()
    restored.restore(str(tmp_path / "state.json"))
    assert run(restored, range(3, 12)) == run(searcher, range(3, 12))


class Separable:
    """As an aggregate of proxies: measured one by one, ranked together."""

    def measure(self, space: SearchSpace, configs: Sequence[dict]) -> list[dict[str, float]]:
        return [{"convs": value} for value in convolutions(space, configs)]

    def combine(self, rows: Sequence[dict[str, float]]) -> list[float]:
        return [row["convs"] for row in rows]

    def __call__(self, space: SearchSpace, configs: Sequence[dict]) -> list[float]:
        return self.combine(self.measure(space, configs))


@pytest.mark.usefixtures("ray_runtime")
def test_tune_runs_it_and_restores_it(tmp_path: Path) -> None:
    def train(config: dict) -> None:
        tune.report({"score": sum("conv" in value for value in config.values())})

    inner = RegularizedEvolution(SPACE, "score", "max", seed=1)
    searcher = ZeroCostWarmup(inner, score=Separable(), candidates=30, seed=1)
    tuner = tune.Tuner(
        train,
        tune_config=tune.TuneConfig(search_alg=searcher, num_samples=6),
        run_config=tune.RunConfig(name="run", storage_path=str(tmp_path), verbose=0),
    )
    results = tuner.fit()
    assert not results.errors
    found = record.load(tmp_path / "run")
    assert [trial.move for trial in found.trials.values()].count("warmup") >= 4
    assert found.scored is not None
    assert found.scored.measures is not None
    restored = ZeroCostWarmup(
        RegularizedEvolution(SPACE, "score", "max"), score=Separable(), candidates=30
    )
    (state,) = (tmp_path / "run").glob("searcher-state-*.json")
    restored.restore(str(state))
    assert restored.ledger.record.scored == found.scored


class WarmupContract(SearcherContract):
    """The contract, with a cheap score around a searcher."""

    inner = "RandomSearch"

    def make_searcher(self, space: SearchSpace, **arguments: Any) -> Any:
        searcher = SEARCHERS[self.inner](space, **arguments)
        return ZeroCostWarmup(searcher, score=length, candidates=50, seed=arguments["seed"])

    def test_the_state_is_json(self) -> None:
        """That of the inner searcher, and its own."""
        searcher = self._make()
        drive(searcher, random.Random(1), 0, 30, {})
        for state in (searcher.inner._get_state(), searcher._get_state()):
            assert json.loads(json.dumps(state)) == state


def length(space: SearchSpace, configs: Sequence[dict]) -> list[float]:
    return [float(len(str(sorted(config.items())))) for config in configs]


class TestRandomSearch(WarmupContract):
    inner = "RandomSearch"


class TestGridSearch(WarmupContract):
    inner = "GridSearch"


class TestLocalSearch(WarmupContract):
    inner = "LocalSearch"


class TestRegularizedEvolution(WarmupContract):
    inner = "RegularizedEvolution"


class TestNSGA2(WarmupContract):
    inner = "NSGA2"


class TestReinforce(WarmupContract):
    inner = "Reinforce"


class TestBananas(WarmupContract):
    inner = "Bananas"


@pytest.mark.skipif(find_spec("hpbandster") is None, reason="the extra bohb is not installed")
class TestBOHB(WarmupContract):
    inner = "BOHB"
