"""Effects of choices equal pandas; nothing is suggested on noise."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_record import evolved_trials, made_record
from scipy import stats

from ray_nas.record import ExperimentRecord
from ray_nas.report.analysis.effects import ChoiceEffects, choice_effects
from ray_nas.report.analysis.search_results import search_results


def effects(record: ExperimentRecord, **more: Any) -> ChoiceEffects:
    return choice_effects(search_results(record), **more)


def random_search(seed: int, count: int = 200, effect: float = 0.0) -> ExperimentRecord:
    """Four choices of three values; `op=b` is better by `effect` standard deviations."""
    rng = np.random.default_rng(seed)
    trials = []
    for _ in range(count):
        config = {name: str(rng.choice(["a", "b", "c"])) for name in ("op", "p", "q", "r")}
        loss = float(rng.normal()) - effect * (config["op"] == "b")
        trials.append({"config": config, "reports": [{"loss": loss}]})
    return made_record(trials)


def test_means_counts_and_intervals_equal_pandas() -> None:
    record = made_record(evolved_trials(), {"accuracy": "max"})
    rows = [
        {**trial.config, "value": trial.metrics["accuracy"]}
        for trial in record.trials.values()
        if trial.status == "completed"
    ]
    frame = pd.DataFrame(rows)
    found = effects(record)
    assert found.trials == len(frame)
    assert found.mean == pytest.approx(frame["value"].mean())
    for choice in found.choices:
        groups = frame.groupby(choice.name)["value"]
        assert {value.label: value.count for value in choice.values} == groups.size().to_dict()
        for value in choice.values:
            group = groups.get_group(value.label)
            assert value.mean == pytest.approx(group.mean())
            if len(group) > 1:
                low, high = stats.t.interval(0.9, len(group) - 1, group.mean(), group.sem())
                assert (value.low, value.high) == (pytest.approx(low), pytest.approx(high))


def test_the_share_of_a_choice_is_epsilon_squared() -> None:
    record = random_search(0, effect=2.0)
    values = pd.DataFrame(
        {"op": trial.config["op"], "loss": trial.metrics["loss"]}
        for trial in record.trials.values()
    )
    groups = [group["loss"].to_numpy() for _, group in values.groupby("op")]
    statistic = stats.f_oneway(*groups).statistic
    k, n = len(groups), len(values)
    expected = (statistic - 1) * (k - 1) / (statistic * (k - 1) + n - k)
    assert effects(record).choices[0].name == "op"
    assert effects(record).choices[0].share == pytest.approx(expected)


def test_a_planted_choice_is_suggested() -> None:
    for seed in range(20):
        found = effects(random_search(seed, effect=1.5))
        assert [(one.name, one.value) for one in found.suggestions] == [("op", "b")]


def test_nothing_is_suggested_on_noise() -> None:
    """5 % in all; 3 of 60 searches would be expected at most."""
    alarms = sum(bool(effects(random_search(seed)).suggestions) for seed in range(60))
    assert alarms <= 3


def test_a_planted_pair_comes_first() -> None:
    rng = np.random.default_rng(0)
    trials = []
    for _ in range(300):
        config = {name: str(rng.choice(["a", "b"])) for name in ("p", "q", "r")}
        loss = float(rng.normal()) + 2.0 * (config["p"] == config["r"])
        trials.append({"config": config, "reports": [{"loss": loss}]})
    found = effects(made_record(trials))
    assert {found.pairs[0].first.name, found.pairs[0].second.name} == {"p", "r"}
    assert found.pairs[0].interaction == pytest.approx(0.5, abs=0.1)  # 1 of a variance of 2
    assert len(found.pairs) == 1


def test_conditional_choices_count_where_they_exist() -> None:
    trials = [
        {"config": {"depth": 1} if number % 2 else {"depth": 2, "op": "ab"[number % 4 // 2]}}
        for number in range(40)
    ]
    found = {choice.name: choice for choice in effects(made_record(trials)).choices}
    assert sum(value.count for value in found["op"].values) == 20
    assert sum(value.count for value in found["depth"].values) == 40


def test_ranges_are_grouped() -> None:
    domains = {"lr": {"low": 0.0, "high": 1.0, "log": False}}
    trials = [
        {"config": {"lr": number / 100}, "reports": [{"loss": number / 100}]}
        for number in range(100)
    ]
    (choice,) = effects(made_record(trials, domains=domains)).choices
    assert [value.count for value in choice.values] == [25, 25, 25, 25]
    assert choice.values[0].label == "0 to 0.247"
    assert choice.values[0].mean < choice.values[-1].mean
    assert not effects(made_record(trials, domains=domains)).suggestions


def test_true_one_and_text_one_are_three_values() -> None:
    trials = [{"config": {"x": value}} for value in (1, True, "1", 1)]
    (choice,) = effects(made_record(trials)).choices
    assert sorted(value.count for value in choice.values) == [1, 1, 2]


def test_trials_without_a_value_are_left_out() -> None:
    trials = [
        {"config": {"x": 1}, "reports": [{"loss": math.nan}]},
        {"config": {"x": 2}, "status": "error"},
        {"config": {"x": 3}, "reports": []},
    ]
    found = effects(made_record(trials))
    assert (found.trials, found.choices) == (0, [])
    assert math.isnan(found.mean)


def test_random_only() -> None:
    trials = [
        {"config": {"x": number % 2}, "move": "random" if number < 10 else "mutation"}
        for number in range(30)
    ]
    assert effects(made_record(trials), random_only=True).trials == 10
