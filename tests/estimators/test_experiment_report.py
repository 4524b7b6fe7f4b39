"""Rank correlations of an experiment whose scores, features and rungs are known."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from ray_nas.estimators import GaussianProcessPredictor, RandomForest, fidelity_report, report
from ray_nas.spaces import MLPSpace, SearchSpace

SPACE = MLPSpace(8, 2, max_layers=3)
TRIALS = 40


@pytest.fixture(scope="module")
def configs():
    return SPACE.sample(size=TRIALS, random_state=np.random.default_rng(0))


@pytest.fixture(scope="module")
def quality(configs) -> np.ndarray:
    """Falls with the number of parameters, up to noise."""
    counts = np.array([SPACE.parameter_count(config) for config in configs])
    return -np.log(counts) + 0.3 * np.random.default_rng(1).normal(size=TRIALS)


@pytest.fixture(scope="module")
def record(make_record, configs, quality):
    """Epoch 3 of 9 ranks like the end; epoch 1 ranks backwards."""
    return make_record([[-q, 0, *7 * [q]] for q in quality], configs)


def by_name(found):
    return {row.name: row for row in found.rows}


def test_scores_are_ranked_best_first_beside_the_parameter_count(record, quality) -> None:
    perfect = {str(number): value for number, value in enumerate(quality)}
    scores = {"bad": {key: -value for key, value in perfect.items()}, "good": perfect}
    found = report(record, space=SPACE, scores=scores, predictors={}, time_attr="epoch")
    assert [row.name for row in found.rows] == ["good", "params", "bad", "epoch 1", "epoch 3"]
    rows = by_name(found)
    assert rows["good"].correlation.spearman == (1, 1, 1)
    assert rows["bad"].correlation.kendall.value == pytest.approx(-1)
    assert rows["params"].correlation.spearman.high < -0.7
    assert rows["params"].baseline is None
    for name in ("good", "bad", "epoch 1", "epoch 3"):
        assert rows[name].baseline.spearman.value == rows["params"].correlation.spearman.value


def test_rungs_agree_with_the_fidelity_report(record) -> None:
    found = report(record, predictors={}, time_attr="epoch")
    known = fidelity_report(record, time_attr="epoch", seed=0)
    assert [row.name for row in found.rows] == [f"epoch {rung.time:g}" for rung in known.rungs]
    for row, rung in zip(found.rows, known.rungs, strict=True):
        assert row.correlation.spearman.value == pytest.approx(rung.correlation)
        assert row.correlation.pairs == rung.trials


def test_every_default_predictor_learns_and_scores_help_it(record, quality) -> None:
    scores = {"hint": {str(number): value for number, value in enumerate(quality)}}
    rows = by_name(report(record, space=SPACE, scores=scores, time_attr="epoch", resamples=200))
    for name in ("GaussianProcess", "RandomForest", "GradientBoosting"):
        alone, helped = (
            rows[name].correlation.spearman,
            rows[f"{name} + scores"].correlation.spearman,
        )
        assert 0.3 < alone.value < helped.value
        assert alone.low < alone.value < alone.high
        assert rows[name].baseline.spearman.value < -0.7


def test_a_minimised_metric_is_turned_round(make_record, configs, quality) -> None:
    record = make_record([[-q, -q, -q] for q in quality], configs, mode="min")
    scores = {"good": {str(number): value for number, value in enumerate(quality)}}
    rows = by_name(report(record, scores=scores, predictors={}, time_attr="epoch"))
    assert rows["good"].correlation.spearman.value == pytest.approx(1)
    assert rows["epoch 1"].correlation.spearman.value == pytest.approx(1)


def test_a_score_may_be_a_function_of_space_and_configs(record, configs, quality) -> None:
    asked = []

    def score(space, given):
        asked.append((space, given))
        return list(quality)

    rows = by_name(
        report(record, space=SPACE, scores={"own": score}, predictors={}, time_attr="epoch")
    )
    assert asked == [(SPACE, configs)]
    assert rows["own"].correlation.spearman.value == pytest.approx(1)
    with pytest.raises(ValueError, match="'own' is a function of space and configs"):
        report(record, scores={"own": score})
    with pytest.raises(ValueError, match="one value for each of the 40 configs, got 1"):
        report(record, space=SPACE, scores={"own": lambda space, given: [1.0]}, time_attr="epoch")


def test_recorded_scores_are_reported_and_can_be_replaced(make_record, configs, quality) -> None:
    record = make_record([[q] for q in quality], configs)
    record.scored = SimpleNamespace(
        score="Aggregate", configs=configs[:30], scores=list(quality[:30]), measures=None
    )
    rows = by_name(report(record, predictors={}))
    assert rows["Aggregate"].correlation.pairs == 30
    assert rows["Aggregate"].correlation.spearman.value == pytest.approx(1)
    scores = {"Aggregate": {str(number): -value for number, value in enumerate(quality)}}
    rows = by_name(report(record, predictors={}, scores=scores))
    assert rows["Aggregate"].correlation.spearman.value == pytest.approx(-1)


def test_what_is_not_finite_ranks_last_and_is_said(record, quality) -> None:
    order = np.argsort(quality)
    scores = {str(number): float(value) for number, value in enumerate(quality)}
    scores |= {str(order[0]): math.nan, str(order[1]): math.inf}
    found = report(record, scores={"zen": scores}, predictors={}, time_attr="epoch")
    row = by_name(found)["zen"]
    assert (row.non_finite, row.correlation.pairs) == (2, TRIALS)
    assert row.correlation.spearman.value > 0.99
    assert "2 not finite, ranked last" in str(found)


def test_trials_without_a_score_are_left_out_of_its_row(record, quality) -> None:
    scores = {str(number): float(quality[number]) for number in range(12)}
    rows = by_name(
        report(record, space=SPACE, scores={"some": scores}, predictors={}, time_attr="epoch")
    )
    assert rows["some"].correlation.pairs == rows["some"].baseline.pairs == 12
    assert rows["params"].correlation.pairs == TRIALS


def test_too_few_trials_say_so(make_record, configs) -> None:
    few = make_record([[q, q, q] for q in range(3)], configs)
    found = report(few, space=SPACE, scores={"own": {"0": 1.0}}, time_attr="epoch")
    notes = {row.name: row.note for row in found.rows}
    assert notes["own"] == notes["epoch 1"] == "needs 4 trials"
    assert notes["GaussianProcess"] == notes["RandomForest + scores"] == "needs 10 trials"
    assert "needs 10 trials" in str(found)
    nothing = report(make_record([]))
    assert nothing.trials == 0
    assert "No rungs: no trial reported 'training_iteration'." in str(nothing)


def test_equal_values_say_so(record, make_record, configs) -> None:
    same = {str(number): 1.0 for number in range(TRIALS)}
    found = report(record, scores={"same": same}, predictors={}, time_attr="epoch")
    assert by_name(found)["same"].note == "all values are equal"


def test_equal_generators_give_equal_reports(record) -> None:
    def text(seed):
        return str(
            report(
                record,
                predictors={"forest": RandomForest(trees=5)},
                time_attr="epoch",
                rng=np.random.default_rng(seed),
            )
        )

    assert text(1) == text(1) != text(2)


def test_another_space_is_refused(record) -> None:
    with pytest.raises(ValueError, match=r"space must be the one that was searched; trial 0 is"):
        report(record, space=MLPSpace(8, 2, max_layers=1, widths=(7,)))


def test_a_space_without_networks_has_no_parameter_count(make_record) -> None:
    from ConfigSpace import ConfigurationSpace

    space = SearchSpace(ConfigurationSpace({"x": (0.0, 1.0)}))
    values = np.random.default_rng(0).random(20)
    record = make_record([[v, v] for v in values], [{"x": float(v)} for v in values])
    predictors = {"process": GaussianProcessPredictor()}
    found = report(record, space=space, predictors=predictors, time_attr="epoch")
    assert all(row.baseline is None for row in found.rows)
    assert by_name(found)["process"].correlation.spearman.value > 0.9


def test_a_folder_is_read(tmp_path, make_record, record) -> None:
    from ray_nas.searchers import RandomSearch

    searcher = RandomSearch(SPACE, "score", "max", seed=0)
    for number in range(12):
        searcher.suggest(str(number))
        for iteration in range(1, 4):
            result = {"score": number + 0.1 * iteration, "training_iteration": iteration}
            searcher.on_trial_result(str(number), result)
        searcher.on_trial_complete(str(number), result)
    searcher.save(str(tmp_path / "state.json"))
    rows = by_name(report(tmp_path, predictors={}))
    assert rows["training_iteration 1"].correlation.spearman.value == pytest.approx(1)
