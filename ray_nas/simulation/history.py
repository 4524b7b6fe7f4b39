"""`History`: what a simulated search did, and when."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ray_nas import notebook_html
from ray_nas.extras import extra
from ray_nas.simulation.virtual_trial import VirtualTrial, flatten

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class History:
    """A simulated search; returned by `simulate`.

    Example:
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.simulation import simulate
        >>> from ray_nas.spaces import NASBench201
        >>> def train(config):
        ...     yield 60.0, {"convolutions": sum("conv" in op for op in config.values())}
        >>> searcher = RandomSearch(NASBench201(), "convolutions", "max", seed=0)
        >>> history = simulate(train, searcher, num_workers=2, max_trials=10)
        >>> history.seconds, history.best.metrics["convolutions"] >= 3
        (300.0, True)
    """

    trials: list[VirtualTrial]
    """In the order of their proposal."""
    objectives: dict[str, str]
    """Metric name to "min" or "max", from the searcher."""
    seconds: float
    """The virtual clock at the end."""
    utilization: Mapping[str, float] = field(default_factory=dict)
    """Resource to the share of it that was in use, in [0, 1]; empty without a `VirtualCluster`."""

    @property
    def best(self) -> VirtualTrial:
        """The trial with the best last value, without errors and non-finite values.

        Raises:
            ValueError: There are several objectives, or no trial has a value.
        """
        if len(self.objectives) != 1:
            raise ValueError(
                f"best needs one objective, got {self.objectives}; use "
                "ray_nas.pareto_front(history.trials, objectives)"
            )
        metric, mode = next(iter(self.objectives.items()))
        usable = [trial for trial in self.trials if _is_usable(trial, metric)]
        if not usable:
            errors = [trial.error for trial in self.trials if trial.error is not None]
            cause = f"; the last of {len(errors)} errors was {errors[-1]!r}" if errors else ""
            raise ValueError(f"no trial reported a finite {metric!r}{cause}") from (
                errors[-1] if errors else None
            )
        return (max if mode == "max" else min)(usable, key=lambda trial: trial.metrics[metric])

    def _repr_html_(self) -> str:
        """What was simulated and its best trial, in Jupyter."""
        goals = ", ".join(f"{name} ({mode})" for name, mode in self.objectives.items())
        is_single = len(self.objectives) == 1
        metric = next(iter(self.objectives), "")
        has_best = is_single and any(_is_usable(trial, metric) for trial in self.trials)
        return notebook_html.facts(
            "simulated search",
            {
                "objectives": goals,
                "trials": len(self.trials),
                "virtual seconds": f"{self.seconds:g}",
                f"best {metric}": self.best.metrics[metric] if has_best else None,
                "best config": self.best.config if has_best else None,
            },
        )

    def to_frame(self) -> "pandas.DataFrame":
        """One row per report, by virtual time (`seconds`), with metrics and `config/...` columns.

        Raises:
            ImportError: pandas is not installed; `pip install "ray-nas[bench]"`.
        """
        with extra("bench", package="pandas", needed_by="History.to_frame"):
            import pandas
        rows: list[dict[str, Any]] = []
        for trial in self.trials:
            config = flatten(trial.config, "config/")
            for time, result in zip(trial.times, trial.results, strict=True):
                rows.append({"trial_id": trial.trial_id, "seconds": time, **result, **config})
        frame = pandas.DataFrame(rows, columns=None if rows else ["trial_id", "seconds"])
        return frame.sort_values("seconds", kind="stable", ignore_index=True)


def _is_usable(trial: VirtualTrial, metric: str) -> bool:
    value = trial.metrics.get(metric)
    try:
        return trial.error is None and math.isfinite(value)  # type: ignore[arg-type]
    except TypeError:
        return False
