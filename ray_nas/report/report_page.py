"""`write_report`: one HTML file that needs no server and no network."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ray_nas.record import ExperimentRecord
from ray_nas.report.experiment_data import ExperimentData, load_experiment
from ray_nas.report.health import health_checks
from ray_nas.report.sections.choices import choices_section
from ray_nas.report.sections.front import front_section
from ray_nas.report.sections.lineage import lineage_section
from ray_nas.report.sections.progress import progress_section
from ray_nas.report.sections.reproducibility import reproducibility_section
from ray_nas.report.sections.stopped import stopped_section
from ray_nas.report.sections.time import time_section
from ray_nas.report.sections.trials import trials_section
from ray_nas.report.sections.winner import winner_section
from ray_nas.report.verdict import verdict
from ray_nas.spaces.core.search_space import SearchSpace


@dataclass(frozen=True)
class Section:
    """A section's place in the page."""

    key: str
    """Also the name of its template."""
    title: str
    question: str


SECTIONS: Final = (
    Section("verdict", "Verdict", "Is it better, by how much, and what did it cost?"),
    Section("winner", "The winner", "What is it, and how do I use it?"),
    Section("health", "Health checks", "Can I believe it?"),
    Section("progress", "Best so far", "Did searching pay? Stop or go on?"),
    Section("front", "Pareto front", "What do I give up for what?"),
    Section("choices", "Choices", "What matters?"),
    Section("lineage", "Lineage", "Which changes made it good?"),
    Section("stopped", "Stopped trials", "Was stopping safe, and what did it save?"),
    Section("time", "Time", "Where did the hours go?"),
    Section("trials", "Trials", "What was tried?"),
    Section("reproducibility", "Reproducibility", "Can I repeat it?"),
)


def write_report(
    experiment: ExperimentRecord | str | Path,
    path: str | Path,
    *,
    space: SearchSpace | None = None,
    random_search: ExperimentRecord | str | Path | None = None,
    details: Mapping[str, str] | None = None,
    time_attr: str = "training_iteration",
) -> Path:
    """Writes the report of an experiment as one self-contained HTML file.

    Args:
        experiment: The experiment's folder (a path or a URI), its record file, or a record.
        path: The file to write.
        space: The space that was searched; with it, networks are drawn.
        random_search: A random search on the same space, to compare with: its folder or record.
            None for the expectation from the search's own random trials.
        details: What the record does not know, such as "command", "data" and "hardware".
        time_attr: The reported metric that counts the budget of a trial.

    Returns:
        The path.

    Raises:
        FileNotFoundError: There is no record, or no folder to write to.
        RecordError: The record is damaged, or of another version.
        ValueError: The trials are not in `space`, or `random_search` has another objective.

    Example:
        >>> import tempfile
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = RandomSearch(NASBench201(), "loss", "min", seed=0)
        >>> config = searcher.suggest("a")
        >>> searcher.on_trial_complete("a", {"loss": 0.5})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = write_report(searcher.ledger.record, f"{folder}/report.html")
        ...     page.read_text().count("<section")
        11
    """
    data = load_experiment(
        experiment,
        space=space,
        random_search=random_search,
        details=details,
        time_attr=time_attr,
    )
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: there is no folder {target.parent}")
    target.write_text(render(data), encoding="utf-8", errors="backslashreplace")
    return target


def render(data: ExperimentData, *, refresh_seconds: float | None = None) -> str:
    """The page as text.

    Args:
        data: The experiment.
        refresh_seconds: How often the page asks its server for a newer one; None for never.
    """
    script = _resource("page.js") + _resource("trial_table.js")
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            data=data,
            title=_title(data),
            written=datetime.now(timezone.utc).astimezone().strftime("%Y-%m-%d %H:%M"),
            sections=SECTIONS,
            context=_context(data),
            style=Markup(_resource("chart.css") + _resource("page.css")),
            script=Markup(script),
            policy=_policy(script, refresh_seconds is not None),
            refresh_seconds=refresh_seconds,
        )
    )


def _context(data: ExperimentData) -> dict[str, Any]:
    """What each section's template shows, by the section's key."""
    return {
        "verdict": verdict(data.record, data.retraining),
        "winner": winner_section(data),
        "health": health_checks(data.record, data.retraining),
        "progress": progress_section(data),
        "front": front_section(data),
        "choices": choices_section(data),
        "lineage": lineage_section(data),
        "stopped": stopped_section(data),
        "time": time_section(data),
        "trials": trials_section(data),
        "reproducibility": reproducibility_section(data),
    }


def _title(data: ExperimentData) -> str:
    name = Path(data.place).name if data.place else ""
    if name.endswith(".json"):
        name = Path(data.place).parent.name
    started = data.record.started
    searcher = started.searcher if started else "a search"
    return name or f"{searcher} on {data.metric}"


@cache
def _environment() -> Environment:
    """Templates that escape all text."""
    environment = Environment(
        loader=PackageLoader("ray_nas.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["worst_first"] = lambda checks: sorted(
        checks, key=lambda check: ("warn", "pass", "missing").index(check.status)
    )
    environment.filters["chart"] = lambda figure: Markup(figure.html())
    return environment


def _policy(script: str, has_server: bool) -> str:
    """A policy under which the page loads nothing, and runs its own script only."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    source = "connect-src 'self'" if has_server else "connect-src 'none'"
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        f"{source}; base-uri 'none'; form-action 'none'"
    )


def _resource(name: str) -> str:
    return (files("ray_nas.report") / "templates" / name).read_text(encoding="utf-8")
