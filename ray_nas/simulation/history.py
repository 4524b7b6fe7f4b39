"""`History`: what a simulated search did, and when."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ray_nas.simulation.virtual_trial import VirtualTrial, flat

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class History:
    """A simulated search.

    Args:
        trials: In the order of their proposal.
        objectives: Metric name to "min" or "max", as the searcher has them.
        seconds: The virtual clock at the end.
        used: Of a `VirtualCluster`, resource to the share of it that was in use.
    """

    trials: list[VirtualTrial]
    objectives: dict[str, str]
    seconds: float
    used: Mapping[str, float] = field(default_factory=dict)

    @property
    def best(self) -> VirtualTrial:
        """The trial with the best last value of the objective, errors and non-finite values left
        out.

        Raises:
            ValueError: There are several objectives, or no trial has a value.
        """
        if len(self.objectives) != 1:
            raise ValueError(
                f"best needs one objective, got {self.objectives}; use ray_nas.pareto_front(history.trials, objectives)"
            )
        metric, mode = next(iter(self.objectives.items()))
        usable = [
            trial
            for trial in self.trials
            if trial.error is None and _is_finite(trial.metrics.get(metric))
        ]
        if not usable:
            errors = [trial.error for trial in self.trials if trial.error is not None]
            cause = f"; the last of {len(errors)} errors was {errors[-1]!r}" if errors else ""
            raise ValueError(f"no trial reported a finite {metric!r}{cause}") from (
                errors[-1] if errors else None
            )
        return (max if mode == "max" else min)(usable, key=lambda trial: trial.metrics[metric])

    def to_frame(self) -> "pandas.DataFrame":
        """One row a report, in the order of the virtual clock (`seconds`), with metrics and
        `config/...` columns.

        Raises:
            ImportError: pandas is not installed; `pip install "ray-nas[bench]"`.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                'History.to_frame needs pandas: pip install "ray-nas[bench]"'
            ) from error
        rows: list[dict[str, Any]] = []
        for trial in self.trials:
            config = flat(trial.config, "config/")
            for time, result in zip(trial.times, trial.results, strict=True):
                rows.append({"trial_id": trial.trial_id, "seconds": time, **result, **config})
        frame = pandas.DataFrame(rows, columns=None if rows else ["trial_id", "seconds"])
        return frame.sort_values("seconds", kind="stable", ignore_index=True)


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except TypeError:
        return False
