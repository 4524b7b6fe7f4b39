from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("verdict")


def test_a_search_is_judged_and_counted(script: ModuleType) -> None:
    setting = script.SUITES["design"][0]
    row = script.one_run(setting, "noise", 0, None, "RandomSearch", True, 40)
    run = script.Run(**row)
    assert run.gain == 0
    assert run.checks["more than noise"] == "warn"
    assert script.is_right(run, "more than noise")
    assert not script.is_right(run, "few failures")
    other = replace(run, kind="control", gain=1.0, searched="Better", retrained="Better")
    summary = script.summarise([run, other])["more than noise"]
    assert (summary["detection"]["hits"], summary["detection"]["of"]) == (1, 1)
    assert (summary["false_alarms"]["hits"], summary["false_alarms"]["of"]) == (1, 1)
    verdicts = script.summarise_verdicts([run, other])
    assert verdicts["searched: planted or control, better"]["hits"] == 1
    assert verdicts["searched: noise"]["hits"] == 0


def test_a_low_fidelity_that_was_not_used_misleads_nobody(script: ModuleType) -> None:
    checks = {script.RIGHT["misled"]: "warn"}
    run = script.Run("design", "misled", "RandomSearch", False, 60, 0, 1.0, checks, "", "")
    assert not script.is_right(run, script.RIGHT["misled"])
    assert script.is_right(replace(run, asha=True), script.RIGHT["misled"])


def test_a_better_winner_makes_the_warning_wrong(script: ModuleType) -> None:
    check = script.RIGHT["unbeaten"]
    run = script.Run("design", "unbeaten", "RandomSearch", False, 60, 0, 0.1, {}, "", "")
    assert not script.is_right(run, check)
    assert script.is_right(replace(run, gain=0.0), check)


def test_rates_have_intervals(script: ModuleType) -> None:
    found = script.rate(1, 20)
    assert (found["rate"], found["low"], found["high"]) == (0.05, 0.001, 0.249)
    assert script.told(script.rate(0, 0)) == "-"
