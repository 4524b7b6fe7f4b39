"""The results of a retraining, and their file `ray_nas_retraining.json` in the experiment."""

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from ray_nas.checks import check_mode
from ray_nas.record import files
from ray_nas.record.events import without_special_floats

FILE: Final = "ray_nas_retraining.json"
VERSION: Final = 1
BASELINE: Final = "baseline"
"""The name of the baseline's runs."""
_SPECIAL: Final = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


@dataclass(frozen=True)
class RetrainedTrial:
    """One training of a winner or of the baseline.

    Example:
        >>> RetrainedTrial("a", {"depth": 2}, 0, {"accuracy": 0.9}).reason
        ''
    """

    trial: str
    """The id of the searched trial, or "baseline"."""
    config: dict[str, Any]
    """The recorded config, flat, with what `retrain` replaced in it."""
    seed: int
    """The seed in the trainable's config."""
    metrics: dict[str, float]
    """The last report; empty if there was none."""
    reason: str = ""
    """Why it failed; empty if it ended well."""


@dataclass(frozen=True)
class Retraining:
    """All trainings of a retraining.

    Example:
        >>> runs = [RetrainedTrial("a", {"depth": 2}, seed, {"loss": 0.5}) for seed in range(3)]
        >>> Retraining(runs, "loss", "min", None, "a").values("a", "loss")
        [0.5, 0.5, 0.5]
    """

    trials: list[RetrainedTrial]
    """In the order of winner, baseline, and their seeds."""
    metric: str
    """The metric that was searched for."""
    mode: str
    """"min" or "max"."""
    test_metric: str | None
    """A held-out metric that the trainable reports, such as "test_accuracy"; else None."""
    winner: str
    """The id of the searched trial."""

    def values(self, trial: str, metric: str) -> list[float]:
        """The values of a metric over the seeds of a trial, or of "baseline"."""
        return [
            one.metrics[metric]
            for one in self.trials
            if one.trial == trial and metric in one.metrics
        ]


def save_retraining(folder: str | Path, retraining: Retraining) -> Path:
    """Writes the results into an experiment's local folder, whole or not at all.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = save_retraining(folder, Retraining([], "loss", "min", None, "a"))
        ...     found = load_retraining(folder)
        >>> path.name, found.winner
        ('ray_nas_retraining.json', 'a')
    """
    path = Path(folder) / FILE
    partial = path.with_name(f"{FILE}.partial")
    content = {"version": VERSION, **asdict(retraining)}
    partial.write_text(json.dumps(without_special_floats(content), indent=1))
    os.replace(partial, path)
    return path


def load_retraining(folder: str | Path) -> Retraining | None:
    """The results in an experiment's folder; None if it was never retrained.

    Args:
        folder: The experiment's folder, as a path or a URI.

    Raises:
        ValueError: The file is damaged, or of another version; the message names it.

    Example:
        >>> load_retraining("results/search") is None
        True
    """
    file = files.inside(str(folder), FILE)
    try:
        content = files.read(file)
    except FileNotFoundError:
        return None
    try:
        return _decode(json.loads(content))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{file} is damaged ({error}): delete it and run `ray-nas retrain` again, which keeps "
            "the trainings that are finished"
        ) from error


def _decode(content: Any) -> Retraining:
    version = content.get("version")
    if version != VERSION:
        raise ValueError(f"it has version {version!r}, this package reads version {VERSION}")
    names = {field.name for field in fields(Retraining)}
    if set(content) != {"version", *names}:
        raise ValueError(f"its fields must be version, {', '.join(sorted(names))}")
    check_mode("mode", content["mode"])
    trials = [_decode_trial(one) for one in content["trials"]]
    values = {name: content[name] for name in names if name != "trials"}
    for name in ("metric", "winner"):
        if not isinstance(values[name], str):
            raise ValueError(f"{name} must be a text, got {values[name]!r}")
    return Retraining(trials=trials, **values)


def _decode_trial(fields_: dict[str, Any]) -> RetrainedTrial:
    trial = RetrainedTrial(**fields_)
    metrics = {name: _number(name, value) for name, value in trial.metrics.items()}
    if not isinstance(trial.seed, int) or not isinstance(trial.config, dict):
        raise ValueError(f"seed must be an integer and config a dict, got {fields_!r}")
    return RetrainedTrial(trial.trial, trial.config, trial.seed, metrics, trial.reason)


def _number(name: str, value: Any) -> float:
    number = _SPECIAL.get(value, value) if isinstance(value, str) else value
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise ValueError(f"{name} must be a number, got {value!r}")
    return number
