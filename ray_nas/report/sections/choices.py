"""Section 5: the effect of each choice, pairs, and a ready `space.fix(...)`."""

from dataclasses import dataclass
from typing import Final

from ray_nas.report.analysis import effects
from ray_nas.report.analysis.effects import ChoiceEffects
from ray_nas.report.charts.figure import Figure
from ray_nas.report.charts.scales import format_number, format_share
from ray_nas.report.experiment_data import ExperimentData
from ray_nas.report.figures.effects_figure import effects_figure
from ray_nas.report.figures.pairs_figure import pair_figures

_DRAWN: Final = 8
_ENOUGH_RANDOM: Final = 30
"""With so many random trials, their effects are drawn too."""
_MIN_TRIALS: Final = 10


@dataclass(frozen=True)
class EffectRow:
    """A value of a choice, as text."""

    choice: str
    share: str
    value: str
    mean: str
    interval: str
    count: str


@dataclass(frozen=True)
class ChoicesSection:
    """What the template needs."""

    charts: list[tuple[str, Figure]]
    pairs: list[Figure]
    rows: list[EffectRow]
    code: str
    why: str
    """Why these values are suggested, or why none is."""
    missing: str


def choices_section(data: ExperimentData) -> ChoicesSection:
    """Which choices matter."""
    found = effects.choice_effects(data.results)
    if found.trials < _MIN_TRIALS or not found.choices:
        missing = f"Too few trials for effects: {found.trials} with a value, and at least "
        missing += f"{_MIN_TRIALS} are needed, with different values of some choice."
        return ChoicesSection([], [], [], "", "", missing)
    charts = [("all trials", effects_figure(found, top=_DRAWN, random_only=False))]
    at_random = effects.choice_effects(data.results, random_only=True)
    if _ENOUGH_RANDOM <= at_random.trials < found.trials:
        chart = effects_figure(at_random, top=_DRAWN, random_only=True)
        charts.append(("random trials only", chart))
    code, why = _suggestion(found)
    pairs = pair_figures(found)
    return ChoicesSection(charts, pairs, _rows(found), code, why, "")


def _suggestion(found: ChoiceEffects) -> tuple[str, str]:
    if not found.suggestions:
        return "", (
            "No value is clearly the best of its choice yet (Welch's test between means, 5 % in "
            "all): there is nothing to fix for the next run."
        )
    fixed = ", ".join(f"{one.name!r}: {one.value!r}" for one in found.suggestions)
    gains = "; ".join(
        f"{one.name}={one.value} by {format_number(one.gain, 2)}" for one in found.suggestions
    )
    return f"space = space.fix({{{fixed}}})", (
        "These values beat every other value of their choice (Welch's test between means, 5 % in "
        f"all): {gains}. The trials are not independent, since the searcher chose them: check a "
        "fixed choice in the next run, or leave it open if it is cheap."
    )


def _rows(found: ChoiceEffects) -> list[EffectRow]:
    return [
        EffectRow(
            choice.name,
            format_share(choice.share),
            value.label,
            format_number(value.mean),
            f"{format_number(value.low)} to {format_number(value.high)}" if value.count > 1 else "",
            f"{value.count:,}",
        )
        for choice in found.choices
        for value in choice.values
    ]
