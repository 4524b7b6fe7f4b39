"""Draws candidates and scores them: in this process, or spread over the cluster as Ray tasks."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

import numpy as np
import ray

from ray_nas.checks import number
from ray_nas.record.events import CandidatesScored
from ray_nas.searchers.core.objectives import Objectives, ViolationRanges
from ray_nas.searchers.core.problem import SearchProblem
from ray_nas.spaces.core.search_space import Config, SearchSpace

Score: TypeAlias = Callable[[SearchSpace, Sequence[Config]], Sequence[float]]
"""Returns a number for each config; larger is better."""
Measures: TypeAlias = dict[str, float]

_MAX_DRAWS: Final = 20
"""Draws for each candidate; a small space has fewer distinct configs than candidates."""
_CHUNKS_PER_CPU: Final = 8
"""Tasks for each CPU: more make the last ones shorter, fewer send the score less often."""
_REPORT_EVERY: Final = 15.0
"""Seconds between two lines about the progress."""


@runtime_checkable
class SeparableScore(Protocol):
    """A score whose expensive part looks at one config at a time, as `proxies.Aggregate`."""

    def measure(self, space: SearchSpace, configs: Sequence[Config]) -> list[Measures]:
        """Numbers by name for each config, whatever the others are."""

    def combine(self, rows: Sequence[Measures]) -> Sequence[float]:
        """The scores of all configs that were measured; larger is better."""


def draw_candidates(
    problem: SearchProblem,
    objectives: Objectives,
    count: int,
    is_known: Callable[[str], bool],
    rng: np.random.Generator,
) -> list[Config]:
    """Random configs that are new, distinct, and keep the limits on costs.

    Args:
        problem: The space and the costs.
        objectives: The limits.
        count: How many to draw; the result is shorter if the space has no more.
        is_known: Whether a duplicate key was proposed before.
        rng: Draws them.

    Raises:
        ValueError: No config keeps the limits.
    """
    drawn: dict[str, Config] = {}
    seen: set[str] = set()
    broken = ViolationRanges()
    for _ in range(_MAX_DRAWS * count):
        if len(drawn) == count:
            break
        config = problem.space.sample(random_state=rng)
        key = problem.duplicate_key(config)
        if key in seen or is_known(key):
            continue
        seen.add(key)
        limit = objectives.broken_limit(problem.costs(config))
        if limit is None:
            drawn[key] = config
        else:
            broken.add(limit)
    if broken and not drawn:
        raise ValueError(f"constraints cannot be met: {broken}")
    return list(drawn.values())


@dataclass(frozen=True)
class CandidateScorer:
    """Calls a score, and checks what it returns.

    Args:
        score: The user's score.
        num_gpus: What a Ray task gets of a GPU.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> space = NASBench201()
        >>> scorer = CandidateScorer(lambda space, configs: [len(c) for c in configs], 0.0)
        >>> scorer(space, space.sample(size=2, random_state=0)).scores
        [6.0, 6.0]
    """

    score: Score | SeparableScore
    num_gpus: float

    @property
    def name(self) -> str:
        """What the score is called: a function's name, or an object's class."""
        return str(getattr(self.score, "__name__", type(self.score).__name__))

    def __call__(self, space: SearchSpace, configs: Sequence[Config]) -> CandidatesScored:
        """Scores the configs.

        Raises:
            RuntimeError: The score raised an error.
            ValueError: It did not return a number for each config, or no finite one.
        """
        start = time.perf_counter()
        measures: list[Measures] | None = None
        self._check_gpus()
        try:
            if isinstance(self.score, SeparableScore):
                measures = self._measure(self.score, space, configs)
                scores = self.score.combine(measures) if measures else []
            else:
                scores = self.score(space, configs) if configs else []
        except Exception as error:
            raise RuntimeError(
                f"score failed: {self.name} raised {type(error).__name__}: {error}"
            ) from error
        checked = _checked_scores(self.name, scores, configs)
        measures = _checked_measures(self.name, measures, configs) if measures else None
        seconds = time.perf_counter() - start
        return CandidatesScored(self.name, list(configs), checked, seconds, measures)

    def _check_gpus(self) -> None:
        """Raises a ValueError if the tasks would wait for ever."""
        if self.num_gpus and ray.is_initialized():
            present = _amount("GPU")
            if self.num_gpus > present:
                raise ValueError(
                    f"num_gpus must be at most the cluster's {present:g}, got {self.num_gpus:g}"
                )

    def _measure(
        self, score: SeparableScore, space: SearchSpace, configs: Sequence[Config]
    ) -> list[Measures]:
        """Measures in chunks: as Ray tasks if Ray runs, else here."""
        workers = max(1, int(_amount("CPU"))) if ray.is_initialized() else 1
        size = max(1, -(-len(configs) // (workers * _CHUNKS_PER_CPU)))
        chunks = [configs[start : start + size] for start in range(0, len(configs), size)]
        progress = _Progress(len(configs))
        if ray.is_initialized():
            parts = self._in_tasks(score, space, chunks, progress)
        else:
            parts = [progress.add(score.measure(space, chunk)) for chunk in chunks]
        return [row for part in parts for row in part]

    def _in_tasks(
        self,
        score: SeparableScore,
        space: SearchSpace,
        chunks: Sequence[Sequence[Config]],
        progress: "_Progress",
    ) -> list[list[Measures]]:
        task = ray.remote(num_cpus=1, num_gpus=self.num_gpus)(_measure_chunk)
        shared = ray.put((score, space))
        waiting = {task.remote(shared, chunk): place for place, chunk in enumerate(chunks)}
        parts: dict[int, list[Measures]] = {}
        while waiting:
            (ready, *_), _ = ray.wait(list(waiting))
            parts[waiting.pop(ready)] = progress.add(ray.get(ready))
        return [parts[place] for place in range(len(chunks))]


class _Progress:
    """Prints every few seconds how many candidates are scored."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._started = self._last = time.monotonic()

    def add(self, part: list[Measures]) -> list[Measures]:
        """Counts a part, and returns it."""
        self._done += len(part)
        now = time.monotonic()
        if now - self._last >= _REPORT_EVERY and self._done < self._total:
            left = (now - self._started) / self._done * (self._total - self._done)
            print(f"scored {self._done} of {self._total} candidates, {left:.0f} s left", flush=True)
            self._last = now
        return part


def _amount(resource: str) -> float:
    """What the cluster has of a resource."""
    return float(ray.cluster_resources().get(resource, 0.0))  # type: ignore[no-untyped-call]


def _measure_chunk(
    shared: tuple[SeparableScore, SearchSpace], configs: Sequence[Config]
) -> list[Measures]:
    score, space = shared
    return score.measure(space, configs)


def _checked_measures(name: str, rows: Sequence[Any], configs: Sequence[Config]) -> list[Measures]:
    """The rows as floats by name."""
    for row, config in zip(rows, configs, strict=True):
        is_mapping = isinstance(row, Mapping)
        if not is_mapping or any(number(value) is None for value in row.values()):
            raise ValueError(
                f"score.measure must return a dict of names to numbers for each config, got "
                f"{row!r} from {name} for {config}"
            )
    return [{key: float(value) for key, value in row.items()} for row in rows]


def _checked_scores(name: str, scores: Any, configs: Sequence[Config]) -> list[float]:
    """The scores as floats; what is not finite stays, and ranks last."""
    try:
        found = list(scores)
    except TypeError as error:
        raise ValueError(
            f"score must return a number for each config, got {scores!r} from {name}"
        ) from error
    if len(found) != len(configs):
        raise ValueError(
            f"score must return a number for each config, got {len(found)} for "
            f"{len(configs)} configs from {name}"
        )
    for value, config in zip(found, configs, strict=True):
        if number(value) is None:
            raise ValueError(
                f"score must return a number for each config, got {value!r} from {name} "
                f"for {config}"
            )
    values = [float(value) for value in found]
    if values and not np.isfinite(values).any():
        raise ValueError(
            f"score must be finite for at least one config, got {values[0]} from {name} for all "
            f"{len(configs)}"
        )
    return values
