"""`ray-nas search --zero-shot`: scores architectures, and prints the best ones."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ray_nas.cli.terminal import console, errors, print_line, visible
from ray_nas.cli.tune_experiment import as_space, searcher_class
from ray_nas.estimators.proxies import Aggregate
from ray_nas.record.events import without_special_floats
from ray_nas.spaces import ModelSpace, SearchSpace
from ray_nas.spaces.core.search_space import Config
from ray_nas.zero_shot import ScoredConfig, naswot_search, te_nas_search, zero_shot_search


@dataclass(frozen=True)
class ZeroShotSettings:
    """How `ray-nas search --zero-shot` searches."""

    searcher: str
    proxies: str | None
    """Names joined by "+"; None for those of `Aggregate`."""
    preset: str | None
    evaluations: int
    """Architectures to score."""
    top: int
    """How many of the best to return."""
    seed: int | None
    output: Path | None
    """The file that gets the best."""


def run_zero_shot(space: Any, batch: Any, settings: ZeroShotSettings) -> list[Config]:
    """Runs a zero-shot search and prints its best architectures.

    Returns:
        Their configs, best first.

    Raises:
        ValueError: An argument breaks a rule; the message names it.
    """
    best = _search(as_space(space), batch() if callable(batch) else batch, settings)
    if settings.output is not None:
        rows = [{"config": one.config, "score": one.score} for one in best]
        settings.output.write_text(json.dumps(without_special_floats(rows), indent=1))
    _print_best(best)
    return [one.config for one in best]


def _search(space: SearchSpace, batch: Any, settings: ZeroShotSettings) -> list[ScoredConfig]:
    preset, proxies, seed = settings.preset, settings.proxies, settings.seed
    evaluations, top = settings.evaluations, settings.top
    if preset is not None and proxies is not None:
        raise ValueError(f"--proxies does not go with --preset {preset}, which has its own")
    searcher = searcher_class(settings.searcher)
    if preset == "te-nas":
        return [ScoredConfig(_prune(space, batch, seed), float("nan"))]
    with _progress(evaluations) as on_round:
        if preset == "naswot":
            return naswot_search(
                space, batch, samples=evaluations, top=top, seed=seed, on_round=on_round
            )
        names = tuple(proxies.split("+")) if proxies else None
        return zero_shot_search(
            space,
            Aggregate(batch, names=names) if names else Aggregate(batch),
            searcher=searcher(space, seed=seed),
            evaluations=evaluations,
            top=top,
            on_round=on_round,
        )


def _prune(space: SearchSpace, batch: Any, seed: int | None) -> Config:
    if not isinstance(space, ModelSpace):
        raise ValueError(
            "--preset te-nas needs a space of networks with LayerChoice or InputChoice, "
            f"got {type(space).__name__}"
        )
    with _progress(None) as on_round:
        return te_nas_search(space, batch, seed=seed or 0, on_round=on_round)


@contextmanager
def _progress(total: int | None) -> Iterator[Callable[[int], None]]:
    """Shows progress on a terminal's error output."""
    columns = (TextColumn("scored"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("scored", total=total)
        yield lambda done: progress.update(task, completed=done)


def _print_best(best: list[ScoredConfig]) -> None:
    table = Table("rank", "score", "architecture")
    for rank, one in enumerate(best, start=1):
        table.add_row(str(rank), f"{one.score:.4g}", visible(json.dumps(one.config)))
    console.print(table)
    print_line(
        "none of them is trained; the score ranks them by zero-cost proxies, which can mislead"
    )
