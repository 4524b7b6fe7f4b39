"""A search as an Optuna study, for optuna-dashboard and Optuna's own plots."""

import datetime
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ray_nas.export.export_error import ExportError
from ray_nas.extras import extra
from ray_nas.record import ExperimentRecord, TrialRecord, load

if TYPE_CHECKING:
    import optuna

_Distributions: TypeAlias = "dict[str, optuna.distributions.BaseDistribution]"
_DIRECTIONS: Final[dict[str, Literal["minimize", "maximize"]]] = {
    "min": "minimize",
    "max": "maximize",
}
_STATES: Final = {"unfinished": "RUNNING", "error": "FAIL", "infeasible": "FAIL"}


def to_optuna(
    experiment: str | Path,
    storage: "str | optuna.storages.BaseStorage",
    *,
    study_name: str | None = None,
    time_attr: str = "training_iteration",
) -> "optuna.Study":
    """Writes a search into an Optuna storage, as a new study.

    Reads only the searcher's record. A trial's values are those of its last report. Completed
    trials become COMPLETE, or PRUNED if the record says why they were stopped; failed and
    infeasible ones FAIL; trials without an end RUNNING. With one objective, earlier reports become
    intermediate values. User attributes hold the rest: `trial_id`, `move`, `parents`, `reason`, and
    each metric of the last report as `metrics/NAME`.

    Args:
        experiment: The experiment's folder, as a path or a URI, or its record.
        storage: A URL such as "sqlite:///search.db", or an Optuna storage.
        study_name: The new study's name; None for the folder's name.
        time_attr: The reported metric that is the step of intermediate values, rounded; the number
            of the report where a trial does not report it.

    Returns:
        The study.

    Raises:
        FileNotFoundError: There is no record.
        ExportError: The record does not say what values the parameters may have.
        ImportError: Optuna is not installed.
        optuna.exceptions.DuplicatedStudyError: The storage has a study of this name.

    Example:
        >>> from ray_nas.export import to_optuna
        >>> study = to_optuna("results/search", "sqlite:///search.db")  # doctest: +SKIP
        >>> study.best_params["arch.depth"]  # doctest: +SKIP
        3
    """
    with extra("integrations", package="optuna", needed_by="to_optuna"):
        import optuna
    record = load(experiment)
    distributions = _distributions(record, experiment)
    study = optuna.create_study(
        storage=storage,
        study_name=study_name or _folder_name(experiment),
        directions=[_DIRECTIONS[mode] for mode in record.objectives.values()],
    )
    study.set_metric_names(list(record.objectives))
    assert record.started is not None, "load() refuses a record without it"
    study.set_user_attr("searcher", record.started.searcher)
    study.add_trials(
        [
            _frozen(trial, list(record.objectives), distributions, time_attr)
            for trial in record.trials.values()
        ]
    )
    return study


def _folder_name(experiment: str | Path) -> str:
    path = Path(str(experiment).rstrip("/"))
    return path.parent.name if path.suffix == ".json" else path.name


def _distributions(record: ExperimentRecord, experiment: str | Path) -> _Distributions:
    """Parameter name to what Optuna knows of its values."""
    assert record.started is not None, "load() refuses a record without it"
    domains = record.started.domains
    if domains is None:
        raise ExportError(
            f"the record in {experiment} does not say what values the parameters may have: its "
            "searcher has a space without domains"
        )
    return {name: _distribution(domain) for name, domain in domains.items()}


def _distribution(domain: Mapping[str, Any]) -> "optuna.distributions.BaseDistribution":
    from optuna import distributions

    if "values" in domain:
        return distributions.CategoricalDistribution([_choice(value) for value in domain["values"]])
    low, high, log = domain["low"], domain["high"], domain["log"]
    if isinstance(low, int) and isinstance(high, int):
        return distributions.IntDistribution(low, high, log=log)
    return distributions.FloatDistribution(low, high, log=log)


def _choice(value: Any) -> Any:
    """Optuna's categories are scalars; a list stands there as text."""
    return str(value) if isinstance(value, list | tuple) else value


def _frozen(
    trial: TrialRecord, objectives: list[str], distributions: _Distributions, time_attr: str
) -> "optuna.trial.FrozenTrial":
    import optuna

    state = optuna.trial.TrialState[_state(trial)]
    has_values = state in (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    now = datetime.datetime.now()
    return optuna.trial.FrozenTrial(
        number=-1,  # Optuna numbers them
        trial_id=-1,
        state=state,
        value=None,
        values=[trial.metrics[name] for name in objectives] if has_values else None,
        datetime_start=now,  # the record has no clock
        datetime_complete=now if state.is_finished() else None,
        params={name: _choice(value) for name, value in trial.config.items()},
        distributions={name: distributions[name] for name in trial.config},
        user_attrs=_attributes(trial),
        system_attrs={},
        intermediate_values=_steps(trial, objectives[0], time_attr) if len(objectives) == 1 else {},
    )


def _state(trial: TrialRecord) -> str:
    """The name of Optuna's state."""
    if trial.status == "completed":
        return "PRUNED" if trial.reason else "COMPLETE"
    return _STATES[trial.status]


def _steps(trial: TrialRecord, metric: str, time_attr: str) -> dict[int, float]:
    """Step to the metric of each report that has it."""
    return {
        round(report.get(time_attr, number)): report[metric]
        for number, report in enumerate(trial.reports, start=1)
        if metric in report
    }


def _attributes(trial: TrialRecord) -> dict[str, Any]:
    metrics = {
        f"metrics/{name}": value if math.isfinite(value) else str(value)
        for name, value in trial.metrics.items()
    }
    return {
        "trial_id": trial.trial_id,
        "move": trial.move,
        "parents": list(trial.parents),
        "reason": trial.reason,
        **metrics,
    }
