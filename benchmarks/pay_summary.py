"""From the lines of `does_it_pay.py`'s results file to its figures."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from pay_arms import ARMS
from pay_statistics import (
    ROPE,
    corrected_interval,
    exact_wilcoxon,
    holm,
    signed_rank_posterior,
)
from pay_tasks import ALL

Line = Mapping[str, Any]
COMPARED: Final = ("R", "H0", "A")
"""Arms that N is compared with after the primary question."""


class Results:
    """The finished lines, by task, arm and resample.

    Args:
        lines: Lines of the results file.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = {(line["task"], line["arm"], line["resample"]): line for line in lines}

    @property
    def tasks(self) -> list[str]:
        """Tasks with a line, in the order of the protocol."""
        present = {task for task, _, _ in self._lines}
        return [name for name in ALL if name in present]

    def arm(self, task: str, arm: str) -> dict[int, Line]:
        """An arm's lines with a test result, by resample."""
        return {
            resample: line
            for (name, other, resample), line in sorted(self._lines.items())
            if (name, other) == (task, arm) and "test" in line
        }

    def differences(self, task: str, first: str, second: str) -> list[float]:
        """Test points of an arm minus those of another, on the resamples that both have."""
        one, two = self.arm(task, first), self.arm(task, second)
        return [one[key]["test"] - two[key]["test"] for key in sorted(set(one) & set(two))]


def summary(lines: Sequence[Line]) -> dict[str, Any]:
    """All figures: each arm on each task, the primary question, the others, and the limit.

    Args:
        lines: Lines of the results file.
    """
    results = Results(lines)
    return {
        "tasks": {name: _arms(results, name) for name in results.tasks},
        "primary": compared(results, "N", "H1"),
        "second": _at_half_the_parameters(results, "S"),
        "under_a_limit": {
            "M-H1": _at_half_the_parameters(results, "M"),
            "W-H1": _at_half_the_parameters(results, "W"),
            "M-W": compared(results, "M", "W"),
        },
        "cautious": {"K-H1": compared(results, "K", "H1"), "K-N": compared(results, "K", "N")},
        "others": _others(results),
    }


def compared(results: Results, first: str, second: str) -> dict[str, Any]:
    """An arm against another: paired differences on each task, and the tests over tasks."""
    found = {name: results.differences(name, first, second) for name in results.tasks}
    found = {name: values for name, values in found.items() if values}
    means = {name: float(np.mean(values)) for name, values in found.items()}
    answer: dict[str, Any] = signed_rank_posterior(list(means.values()))
    answer["wilcoxon_p"] = exact_wilcoxon(list(means.values()))
    answer["mean_difference"] = float(np.mean(list(means.values()))) if means else None
    answer["better_or_equal"] = sum(value >= -ROPE for value in means.values())
    answer["of"] = len(means)
    answer["differences"] = {
        name: {"mean": means[name], "interval": _interval(values, name)}
        for name, values in found.items()
    }
    return _rounded(answer)


def _arms(results: Results, task: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    constants = [line["constant"] for arm in ARMS for line in results.arm(task, arm).values()]
    found["constant"] = round(float(np.mean(constants)), 2) if constants else None
    for arm in ARMS:
        lines = list(results.arm(task, arm).values())
        if lines:
            tests = [line["test"] for line in lines]
            sizes = [line["parameters"] for line in lines if line["parameters"] is not None]
            found[arm] = {
                "test": float(np.mean(tests)),
                "interval": _interval(tests, task),
                "parameters": float(np.median(sizes)) if sizes else None,
                "cpu_seconds": float(np.mean([line["cpu_seconds"] for line in lines])),
                "trials": float(np.mean([line["trials"] for line in lines])),
                "full_trials": float(np.mean([line["full"] for line in lines])),
            }
    return _rounded(found)


def _others(results: Results) -> dict[str, Any]:
    """N against R, H0 and A with Holm's correction; T without a test."""
    found = {f"N-{arm}": compared(results, "N", arm) for arm in COMPARED}
    adjusted = holm({name: one["wilcoxon_p"] for name, one in found.items()})
    for name, one in found.items():
        one["holm_p"] = round(adjusted[name], 4)
    outside = compared(results, "N", "T")
    return {**found, "N-T": {name: outside[name] for name in ("mean_difference", "differences")}}


def _at_half_the_parameters(results: Results, arm: str) -> dict[str, Any]:
    """An arm with at most half of H1's parameters against H1; S is the second question."""
    answer = compared(results, arm, "H1")
    answer["no_worse"] = answer.pop("better_or_equal")
    for name, one in answer["differences"].items():
        small, tuned = results.arm(name, arm), results.arm(name, "H1")
        shares = [small[key]["parameters"] / tuned[key]["parameters"] for key in small]
        one["parameters_of_h1"] = round(float(np.median(shares)), 4)
    return answer


def _interval(values: Sequence[float], task: str) -> list[float] | None:
    source = ALL[task]
    ends = corrected_interval(values, source.test / source.train)
    return None if ends is None else list(ends)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value
