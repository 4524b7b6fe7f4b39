"""The plots of `does_it_pay.py`."""

from pathlib import Path
from typing import Any, Final

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from pay_statistics import ROPE

COLOURS: Final = {
    "H1": "#000000",
    "R": "#999999",
    "N": "#0072b2",
    "S": "#56b4e9",
    "A": "#009e73",
    "T": "#d55e00",
    "M": "#cc79a7",
}
"""Colours that the colour-blind can tell apart (Okabe & Ito)."""
LABELS: Final = {
    "H1": "H1: hand-made, tuned",
    "R": "R: random search",
    "N": "N: search, defaults",
    "S": "S: N's best with half of H1's parameters",
    "A": "A: architecture alone",
    "T": "T: no network",
    "M": "M: search under half of H1's parameters",
}


def draw(figures: dict[str, Any], folder: Path) -> None:
    """Writes `does_it_pay_answer.svg` and `does_it_pay_arms.svg`.

    Args:
        figures: What `pay_summary.summary` returned.
        folder: Where the files go.
    """
    plt.rcParams |= {"svg.hashsalt": "does it pay", "svg.fonttype": "none"}
    picture, (left, right) = plt.subplots(1, 2, figsize=(9, 4), sharey=True)
    _differences(left, figures["primary"]["differences"], "N minus H1", COLOURS["N"])
    small = figures["under_a_limit"]["M-H1"]["differences"]
    _differences(right, small, "M minus H1", COLOURS["M"])
    _save(picture, folder / "does_it_pay_answer.svg")
    picture, axes = plt.subplots(figsize=(9, 4.5))
    _arms(axes, figures["tasks"])
    _save(picture, folder / "does_it_pay_arms.svg")


def _differences(axes: Axes, differences: dict[str, Any], title: str, colour: str) -> None:
    """A dot and an interval for each task; the band is what counts as equal."""
    names = list(reversed(differences))
    axes.axvspan(-ROPE, ROPE, color="#dddddd")
    for row, name in enumerate(names):
        ends = differences[name]["interval"]
        if ends is not None:
            axes.plot(ends, [row, row], color=colour, linewidth=1)
        axes.plot(differences[name]["mean"], row, "o", color=colour)
    axes.set_yticks(range(len(names)), names)
    means = [one["mean"] for one in differences.values()]
    reach = 1.3 * max([1.0, *map(abs, means)])
    axes.set_xlim(-reach, reach)
    axes.set_xlabel(f"{title}, test points")


def _arms(axes: Axes, tasks: dict[str, Any]) -> None:
    """Each arm's test points minus H0's."""
    names = list(reversed(tasks))
    axes.axvline(0, color="#000000", linewidth=0.8)
    for arm, colour in COLOURS.items():
        rows = [row for row, name in enumerate(names) if {arm, "H0"} <= tasks[name].keys()]
        gains = [tasks[names[row]][arm]["test"] - tasks[names[row]]["H0"]["test"] for row in rows]
        axes.plot(gains, rows, "o", color=colour, alpha=0.8, label=LABELS[arm])
    axes.set_yticks(range(len(names)), names)
    axes.set_xscale("symlog", linthresh=2)
    axes.set_xlabel("test points minus those of H0, the hand-made network untuned")
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))


def _save(picture: Any, path: Path) -> None:
    picture.tight_layout()
    picture.savefig(path, metadata={"Date": None})
    plt.close(picture)
