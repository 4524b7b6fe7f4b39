"""What the sections say for searches of different kinds."""

from pathlib import Path
from typing import Any

import pytest
from made_record import evolved_trials, made_record

from ray_nas.report.experiment_data import ExperimentData, load_experiment
from ray_nas.report.sections.checklist import checklist
from ray_nas.report.sections.choices import choices_section
from ray_nas.report.sections.front import front_section
from ray_nas.report.sections.lineage import lineage_section
from ray_nas.report.sections.progress import progress_section
from ray_nas.report.sections.reproducibility import reproducibility_section
from ray_nas.report.sections.stopped import stopped_section
from ray_nas.report.sections.time import time_section
from ray_nas.report.sections.trials import trials_section
from ray_nas.report.sections.winner import winner_section
from ray_nas.report.trial_times import TrialTime, TrialTimes
from ray_nas.retraining import RetrainedTrial, Retraining
from ray_nas.spaces import NASBench201


def search(**more: Any) -> ExperimentData:
    record = made_record(evolved_trials(), {"accuracy": "max"}, "RegularizedEvolution")
    return ExperimentData("", record, **more)


def test_winner_differs_from_the_baseline() -> None:
    data = search()
    section = winner_section(data)
    winner, baseline = data.winner, data.record.baseline
    assert winner is not None
    assert baseline is not None
    for row in section.choices:
        assert row.differs == (winner.config[row.name] != baseline.config[row.name])
    assert section.choices[0].differs
    assert ("trained for", "30 s") in section.numbers


def test_a_retraining_is_shown_by_its_held_out_metric() -> None:
    runs = [
        RetrainedTrial(name, {}, seed, {"accuracy": 0.0, "test": value + seed / 10})
        for name, value in (("t0007", 0.8), ("baseline", 0.6))
        for seed in range(3)
    ]
    runs[4] = RetrainedTrial("baseline", {}, 1, {}, "out of memory")
    section = winner_section(
        search(retraining=Retraining(runs, "accuracy", "max", "test", "t0007"))
    )
    assert section.retrained_metric == "test"
    assert [(row.name, row.mean, row.spread, row.failures) for row in section.trainings] == [
        ("t0007", "0.9", "0.8 to 1", ""),
        ("baseline", "0.7", "0.6 to 0.8", "out of memory"),
    ]
    assert section.trial is not None
    assert section.trial.trial_id == "t0007"


def test_spaces_that_cannot_draw_say_so() -> None:
    record = made_record([{"config": {"op": "conv"}}])
    from ConfigSpace import ConfigurationSpace

    from ray_nas.spaces import SearchSpace

    space = SearchSpace(ConfigurationSpace({"op": ["conv", "pool"]}))
    section = winner_section(load_experiment(record, space=space))
    assert section.drawing is None
    assert "the space is a SearchSpace, and only a ModelSpace can draw" in section.no_drawing


def test_progress_sentences() -> None:
    trials = [{"reports": [{"loss": value}]} for value in (3.0, 1.0, 2.0, 2.5, 2.2, 1.5)]
    section = progress_section(ExperimentData("", made_record(trials)))
    assert section.sentences[0] == (
        "The best loss, 1, was found by trial 2 of 6; 4 trials since then did not improve it."
    )
    assert "the search found nothing better" in section.sentences[-1]


def test_front_lists_its_members_with_drawings() -> None:
    record = made_record(evolved_trials(), {"accuracy": "max", "params": "min"})
    section = front_section(load_experiment(record, space=NASBench201()))
    assert len(section.members) == section.size
    assert all(member.drawing for member in section.members)
    assert section.members[0].differs == ""


def test_a_clear_choice_is_ready_to_be_fixed() -> None:
    trials = [
        {
            "config": {"op": "ab"[number % 2], "p": number % 3},
            "reports": [{"loss": number % 2 + number / 1e3}],
        }
        for number in range(60)
    ]
    section = choices_section(ExperimentData("", made_record(trials)))
    assert section.code == "space = space.fix({'op': 'a'})"
    assert "op=a by 1" in section.why
    names: dict[str, Any] = {}
    exec(section.code.replace("space.fix", "dict"), names)
    assert names["space"] == {"op": "a"}


def test_nothing_to_fix() -> None:
    trials = [
        {"config": {"op": "ab"[number % 2]}, "reports": [{"loss": number // 2 % 2}]}
        for number in range(60)
    ]
    section = choices_section(ExperimentData("", made_record(trials)))
    assert section.code == ""
    assert "No value is clearly the best" in section.why


def test_the_line_to_the_winner() -> None:
    section = lineage_section(search())
    assert section.rows[0].origin == "the first of the line"
    assert section.rows[-1].changes
    assert section.rows[-1].gain.startswith(("+", "-"))


def test_long_lines_are_cut() -> None:
    trials = [
        {"id": str(one), "config": {"x": one}, "parents": [str(one - 1)] if one else [],
         "reports": [{"loss": -float(one)}]}
        for one in range(50)
    ]  # fmt: skip
    section = lineage_section(ExperimentData("", made_record(trials)))
    assert (len(section.rows), section.left_out) == (30, 20)


def test_stopping_sentences() -> None:
    section = stopped_section(search())
    assert "ended before training_iteration 3" in section.sentences[0]
    assert section.rungs[0][0] == "1"
    full = [{"reports": [{"loss": 1.0, "training_iteration": float(n)} for n in (1, 2)]}] * 3
    none = stopped_section(ExperimentData("", made_record(full)))
    assert "No trial ended early" in none.sentences[0]


def test_time_counts_failures() -> None:
    times = {f"t{number:04d}": TrialTime("t", 0.0, 60.0, "a", 1) for number in range(2)}
    section = time_section(search(times=TrialTimes(times, "58 of 60 trials have none")))
    assert {row.end for row in section.ends} == {"ran to its end", "ended early", "failed"}
    assert section.chart is not None
    assert "58 of 60" in section.missing[0]


def test_constant_choices_are_said_once() -> None:
    trials = [{"config": {"x": number, "y": 7}} for number in range(3)]
    section = trials_section(ExperimentData("", made_record(trials)))
    assert section.constant == "y=7"
    assert section.best[0][2] == "x=0"


def test_the_checklist_answers_from_the_record() -> None:
    answers = {item.text: item.answer for item in checklist(search())}
    assert answers["Comparison with random search"] == "no"
    assert answers["Performance over time, not only at the end"] == "yes"
    retraining = Retraining(
        [RetrainedTrial("t0000", {}, seed, {}) for seed in range(3)], "accuracy", "max", "test", ""
    )
    details = {"command": "a", "data": "b", "hardware": "c"}
    data = search(retraining=retraining, random_search=search().record, details=details)
    better = {item.text: item.answer for item in checklist(data)}
    changed = {text for text in answers if answers[text] != better[text]}
    assert {better[text] for text in changed} == {"yes"}
    assert len(changed) == 4


def test_facts(tmp_path: Path) -> None:
    facts = dict(reproducibility_section(search(details={"data": "CIFAR-10"})).facts)
    assert facts["seed of the searcher"] == "1"
    assert facts["data"] == "CIFAR-10"
    assert facts["command"].startswith("not recorded")
    assert "torch" in facts["versions, where this report was written"]


@pytest.mark.parametrize("name", ["winner", "lineage", "stopped", "choices", "progress"])
def test_an_empty_search_says_what_is_missing(name: str) -> None:
    sections = {
        "winner": winner_section, "lineage": lineage_section, "stopped": stopped_section,
        "choices": choices_section, "progress": progress_section,
    }  # fmt: skip
    section = sections[name](ExperimentData("", made_record([])))
    assert getattr(section, "missing", None) or getattr(section, "trial", 1) is None
