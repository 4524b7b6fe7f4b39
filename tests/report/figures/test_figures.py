"""Each figure function draws what the record holds, wide and narrow."""

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from made_record import evolved_trials, made_record

from ray_nas.record import ExperimentRecord
from ray_nas.report import figures
from ray_nas.report.charts.figure import NARROW, WIDE, Figure
from ray_nas.report.trial_times import TrialTime

TIMES = {
    f"t{number:04d}": TrialTime(f"t{number:04d}", 10.0 * number, 10.0 * number + 9, "a", 1)
    for number in range(60)
}
MAKERS: dict[str, Callable[[ExperimentRecord], Any]] = {
    "best_so_far": figures.best_so_far,
    "by_trials": lambda record: figures.best_so_far(record, by="trials"),
    "close_up": lambda record: figures.best_so_far(record, close_up=True),
    "pareto_front": figures.pareto_front,
    "front_close_up": lambda record: figures.pareto_front(record, close_up=True),
    "choice_effects": figures.choice_effects,
    "random_effects": lambda record: figures.choice_effects(record, random_only=True),
    "lineage": figures.lineage,
    "learning_curves": figures.learning_curves,
    "timeline": lambda record: figures.timeline(record, TIMES),
}


def search(count: int = 60, objectives: dict[str, str] | None = None) -> ExperimentRecord:
    return made_record(evolved_trials(count), objectives or {"accuracy": "max", "params": "min"})


def tips(figure: Figure) -> list[str]:
    root = ElementTree.fromstring(figure.svg())
    return [str(one.text) for one in root.iter("title")]


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_figures_are_well_formed_and_fit(name: str, width: int) -> None:
    figure = MAKERS[name](search())
    assert isinstance(figure, Figure)
    assert figure.title.endswith(".")
    assert figure.caption.endswith(".")
    root = ElementTree.fromstring(figure.svg(width))
    _, top, _, height = map(float, root.get("viewBox", "").split())
    for one in root.iter("circle"):
        assert -1 <= float(one.get("cx", "nan")) <= width + 1
        assert top <= float(one.get("cy", "nan")) <= top + height
    for one in root.iter("text"):
        assert 0 <= float(one.get("x", "nan")) <= width


def test_every_usable_trial_is_a_dot_or_counted_in_a_cell() -> None:
    few, many = (figures.best_so_far(search(count)) for count in (60, 800))
    dots = [tip for tip in tips(few) if re.match(r"t\d+:", tip)]
    outside = re.findall(r">(\d+) trials? outside", few.svg())
    assert len(dots) + sum(map(int, outside)) == 59
    cells = [int(tip.split()[0].replace(",", "")) for tip in tips(many) if " trial" in tip]
    outside = re.findall(r">(\d+) trials? outside", many.svg())
    assert sum(cells) + sum(map(int, outside)) == 799


def test_all_cells_lie_inside_of_the_chart() -> None:
    root = ElementTree.fromstring(figures.best_so_far(search(800)).svg())
    cells = root.findall("rect")
    assert cells
    for one in cells:
        x, y, width, height = (
            float(one.get(name, "nan")) for name in ("x", "y", "width", "height")
        )
        assert 0 < width <= 12
        assert x + width <= WIDE - 15.9
        assert 0 < height <= 12
        assert y + height <= 330 - 41.9


def test_the_captions_say_where_random_search_comes_from() -> None:
    record = search()
    random = sum(
        one.move == "random" and one.status == "completed" for one in record.trials.values()
    )
    assert f"from the {random} random trials" in figures.best_so_far(record).caption
    run = figures.best_so_far(record, random_search=search(20))
    assert "was run beside it" in run.caption
    few = made_record([{"move": "given"}] * 3)
    assert "fewer than 5 random trials" in figures.best_so_far(few).caption


def test_front_members_are_drawn_as_rings() -> None:
    figure = figures.pareto_front(search())
    members = int(figure.caption.split("has ")[1].split()[0])
    assert figure.svg().count('class="ring c1"') == members


def test_means_of_choices_are_in_the_tips() -> None:
    found = tips(figures.choice_effects(search(200)))
    assert any(
        re.match(r"nor_conv_3x3: mean accuracy 0\.\d+ \[0\.\d+, 0\.\d+\]", one) for one in found
    )


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_labels_and_counts_do_not_overlap(width: int) -> None:
    """By the width that a character takes at most."""
    trials = [
        {"config": {"operation": f"nor_conv_{number % 3}x{number % 3}"}} for number in range(3600)
    ]
    figure = figures.choice_effects(made_record(trials))
    rows: dict[float, list[tuple[float, float]]] = {}
    for one in ElementTree.fromstring(figure.svg(width)).iter("text"):
        x, length = float(one.get("x", "nan")), 6.2 * len(one.text or "")
        start = x - length if one.get("text-anchor") == "end" else x
        rows.setdefault(float(one.get("y", "nan")), []).append((start, start + length))
    pairs = [sorted(row) for row in rows.values() if len(row) == 2]
    assert len(pairs) == 3
    assert all(label[1] < count[0] for label, count in pairs)


def test_pairs() -> None:
    trials = [
        {
            "config": {"p": number % 2, "q": number // 2 % 2, "r": number // 4 % 2},
            "reports": [{"loss": float((number % 2) ^ (number // 2 % 2))}],
        }
        for number in range(40)
    ]
    (figure,) = figures.choice_pairs(made_record(trials))
    assert {"p", "q"} <= set(figure.title.replace(".", "").split())
    for width in (NARROW, WIDE):
        assert len(ElementTree.fromstring(figure.svg(width)).findall("rect")) == 4


def test_many_trials_are_running_trials() -> None:
    times = {str(one): TrialTime(str(one), one, one + 5.0, "a", 1) for one in range(500)}
    figure = figures.timeline(search(), times)
    assert figure.title == "Running trials."
    assert ElementTree.fromstring(figure.svg()).findall("rect")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda one: figures.best_so_far(one, by="time"), 'by must be "cost" or "trials"'),
        (lambda one: figures.pareto_front(one, "ms"), "'ms' must be one of the objectives"),
        (lambda one: figures.lineage(one, "nobody"), "trial must be one of the 60 trials"),
        (lambda one: figures.timeline(one, {}), "times must not be empty"),
        (
            lambda one: figures.pareto_front(search(objectives={"accuracy": "max"})),
            "needs several objectives",
        ),
        (lambda one: figures.lineage(made_record([])), "no trial has completed"),
    ],
)
def test_bad_arguments(make: Callable[[ExperimentRecord], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(search())
