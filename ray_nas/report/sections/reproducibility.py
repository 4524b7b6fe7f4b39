"""Section 10: seed, versions, command, data, and the checklist."""

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from ray_nas.report.experiment_data import ExperimentData
from ray_nas.report.sections.checklist import Item, checklist

_PACKAGES: Final = ("ray-nas", "ray", "torch", "ConfigSpace", "numpy")


@dataclass(frozen=True)
class ReproducibilitySection:
    """What the template needs."""

    facts: list[tuple[str, str]]
    groups: list[tuple[str, list[Item]]]
    answered: int
    items: int


def reproducibility_section(data: ExperimentData) -> ReproducibilitySection:
    """What someone else needs to run the search again."""
    items = checklist(data)
    groups = dict.fromkeys(item.group for item in items)
    return ReproducibilitySection(
        _facts(data),
        [(group, [item for item in items if item.group == group]) for group in groups],
        sum(item.answer == "yes" for item in items),
        len(items),
    )


def _facts(data: ExperimentData) -> list[tuple[str, str]]:
    started = data.record.started
    assert started is not None, "load_experiment refuses a record without objectives"
    facts = [
        ("experiment", data.place or "a record in memory"),
        ("searcher", started.searcher),
        ("seed of the searcher", "none" if started.seed is None else str(started.seed)),
        ("objectives", ", ".join(f"{name} ({mode})" for name, mode in started.objectives.items())),
        ("limits", _limits(started.constraints)),
        ("space", f"{len(started.domains or {})} parameters, fingerprint {started.space}"),
        ("trials", _counts(data)),
    ]
    facts += [(name, data.details[name]) for name in data.details]
    for name in ("command", "data", "hardware"):
        if name not in data.details:
            facts.append((name, f"not recorded; pass details={{{name!r}: ...}} to write_report"))
    facts.append(("versions, where this report was written", _versions()))
    return facts


def _limits(constraints: dict[str, object] | None) -> str:
    if not constraints:
        return "none"
    return ", ".join(f"{name} in {limits}" for name, limits in constraints.items())


def _counts(data: ExperimentData) -> str:
    counts = data.record.counts()
    text = ", ".join(f"{count:,} {status}" for status, count in counts.items())
    imported = len(data.record.imported)
    return text + (f"; {imported:,} imported from an earlier search" if imported else "")


def _versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name}, not installed as a package")
    return ", ".join(found)
