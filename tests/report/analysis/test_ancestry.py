"""The line of first parents, and what each step changed."""

from made_record import made_record

from ray_nas.report.analysis.ancestry import Change, differences, main_line


def test_the_line_leads_from_the_first_ancestor() -> None:
    record = made_record(
        [
            {"id": "a", "config": {"x": 1, "y": 1}},
            {"id": "b", "config": {"x": 2}, "parents": ["a", "other"], "move": "crossover"},
            {"id": "c", "config": {"x": 3}, "parents": ["b"], "reports": [{"loss": -5.0}]},
        ]
    )
    line = main_line(record, "c")
    assert [step.trial.trial_id for step in line] == ["a", "b", "c"]
    assert line[1].changes == [Change("x", 1, 2), Change("y", 1, None)]
    assert [step.gain for step in line[1:]] == [-1.0, 6.0]


def test_a_lost_parent_ends_the_line() -> None:
    record = made_record([{"id": "a", "parents": ["of an earlier search"]}])
    assert [step.trial.trial_id for step in main_line(record, "a")] == ["a"]
    assert main_line(record, "unknown") == []


def test_a_circle_ends() -> None:
    record = made_record([{"id": "a", "parents": ["b"]}, {"id": "b", "parents": ["a"]}])
    assert len(main_line(record, "a")) == 2


def test_equal_configs_do_not_differ() -> None:
    assert differences({"x": 1}, {"x": 1}) == []
