import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import scipy.stats

LoadScript = Callable[[str], ModuleType]
ARMS = ("H0", "H1", "R", "N", "S", "A", "T", "W", "M", "K")


@pytest.fixture(scope="module")
def statistics(load_script: LoadScript) -> ModuleType:
    return load_script("pay_statistics")


def test_the_exact_test_equals_scipys_without_ties(statistics: ModuleType) -> None:
    rng = np.random.default_rng(0)
    for count in (5, 8, 12):
        values = rng.normal(0.4, 1, count)
        expected = scipy.stats.wilcoxon(values, method="exact").pvalue
        assert statistics.exact_wilcoxon(values) == pytest.approx(expected)


def test_ties_and_zeros(statistics: ModuleType) -> None:
    assert statistics.exact_wilcoxon([1, 1, 1]) == pytest.approx(2 / 8)
    assert statistics.exact_wilcoxon([1, -1]) == 1
    assert statistics.exact_wilcoxon([0, 0, 2]) == 1
    assert statistics.exact_wilcoxon([]) == 1


def test_a_corrected_interval_is_wider_than_students(statistics: ModuleType) -> None:
    values = [1.0, 2.0, 4.0, 5.0]
    low, high = statistics.corrected_interval(values, test_share=0.0)
    expected = scipy.stats.t.interval(0.95, 3, 3.0, scipy.stats.sem(values))
    assert (low, high) == pytest.approx(expected)
    wide = statistics.corrected_interval(values, test_share=0.5)
    # 1/4 + 1/2 in place of 1/4: the square root of 3
    assert wide[1] - 3 == pytest.approx(np.sqrt(3) * (high - 3))
    assert statistics.corrected_interval([1.0], 0.5) is None


@pytest.mark.parametrize(("shift", "answer"), [(3, "better"), (0, "equal"), (-3, "worse")])
def test_a_clear_case_has_a_clear_answer(statistics: ModuleType, shift: float, answer: str) -> None:
    values = shift + np.random.default_rng(0).normal(0, 0.1, 12)
    posterior = statistics.signed_rank_posterior(values)
    assert posterior[answer] > 0.99
    assert sum(posterior.values()) == pytest.approx(1)


def test_the_posterior_of_one_task_is_known(statistics: ModuleType) -> None:
    # Weights (1 - w, w) of the prior task and of the task at 3: the mean of both is 1.5, so the
    # share above is 1 - (1 - w)^2, and it wins for w > 1 - sqrt(1/2); w is Beta(1, 1/2).
    posterior = statistics.signed_rank_posterior([3.0], draws=200_000)
    expected = 1 - scipy.stats.beta.cdf(1 - np.sqrt(0.5), 1, 0.5)
    assert posterior["better"] == pytest.approx(expected, abs=0.005)
    assert posterior["worse"] == 0


def test_holm_multiplies_and_never_decreases(statistics: ModuleType) -> None:
    adjusted = statistics.holm({"a": 0.01, "b": 0.04, "c": 0.03})
    assert adjusted == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})


def _line(task: str, resample: int, arm: str, test: float, parameters: int) -> dict[str, Any]:
    counts = {"trials": 3, "full": 1, "constant": 10.0, "cpu_seconds": 20.0}
    return (
        {"task": task, "resample": resample, "arm": arm, "test": test}
        | counts
        | {"parameters": parameters}
    )


def test_the_summary_pairs_resamples(load_script: LoadScript) -> None:
    lines = []
    for resample in range(2):
        for arm, test, size in (("H0", 80, 90), ("H1", 82, 100), ("N", 83, 70), ("S", 82, 40)):
            lines.append(_line("OSULeaf", resample, arm, test + resample, size))
    lines.append(_line("ACSF1", 0, "N", 50, 10))  # H1 is not done: no pair
    figures = load_script("pay_summary").summary(lines)
    assert figures["primary"]["differences"] == {"OSULeaf": {"mean": 1.0, "interval": [1.0, 1.0]}}
    assert figures["primary"]["better_or_equal"] == figures["primary"]["of"] == 1
    assert figures["second"]["no_worse"] == 1
    assert figures["second"]["differences"]["OSULeaf"]["parameters_of_h1"] == 0.4
    assert figures["tasks"]["OSULeaf"]["N"]["test"] == 83.5
    assert figures["under_a_limit"]["M-W"]["of"] == 0
    assert figures["others"]["N-H0"]["mean_difference"] == 3
    json.dumps(figures)


def test_a_small_run_resumes(
    run_script: Callable[..., Any], load_script: LoadScript, tmp_path: Path
) -> None:
    pytest.importorskip("optuna")
    tasks = load_script("pay_tasks")
    small = tasks.Source("table", _two_moons, 60, 60, 90)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(tasks.ALL, "banana", small)
        path = tmp_path / "results.jsonl"
        options = ("--results", str(path), "--seconds", "0.7", "--resamples", "1")
        done = run_script("does_it_pay", *options, "--tasks", "banana")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    arms = figures["tasks"]["banana"]
    assert set(arms) <= {"constant", *ARMS}
    assert {"H0", "H1", "R", "N", "A", "T"} <= set(arms)
    for arm in {"S", "W", "M"} & set(arms):  # none if H1 has the smallest width
        assert arms[arm]["parameters"] <= arms["H1"]["parameters"] / 2
    assert arms["K"]["test"] in (arms["H0"]["test"], arms["N"]["test"])
    for arm in ("H1", "R", "N", "A", "K"):
        assert 0 < arms[arm]["cpu_seconds"] <= 0.7
    before = path.read_text()
    assert len(before.splitlines()) == len(ARMS)
    again = run_script("does_it_pay", *options, "--tasks", "banana", "--report")
    assert path.read_text() == before
    assert json.loads(again.stdout.splitlines()[-1])["primary"] == figures["primary"]


def _two_moons() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(120, 2)).astype(np.float32)
    return inputs, (inputs.prod(1) > 0).astype(int)


def test_test_data_guide_nothing(load_script: LoadScript) -> None:
    tasks = load_script("pay_tasks")
    task = tasks.load("digits", 0)
    parts = [task.train, task.val, task.test]
    rows = [{tuple(image.flatten().tolist()) for image in part[0]} for part in parts]
    assert not rows[0] & rows[2]
    assert not rows[1] & rows[2]
    assert not rows[0] & rows[1]
    assert len(task.both[1]) == 300
    other = tasks.load("digits", 1)
    assert not bool((other.test[0] == task.test[0]).all())


def test_hand_made_networks_are_the_first_trials_and_within_the_limit(
    load_script: LoadScript,
) -> None:
    tasks, spaces = load_script("pay_tasks"), load_script("pay_spaces")
    for name in ("digits", "clutter"):
        chosen = spaces.setting(tasks.load(name, 0))
        chosen.space.validate(chosen.h0["arch"])
        assert chosen.costs(chosen.h0)["flops"] * spaces.LIMIT == chosen.limit
        assert chosen.h0["arch"]["width"] in chosen.widths
