"""A config that may become a trial, and where it comes from."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from ray_nas.spaces.core.search_space import Config

Move: TypeAlias = str
"""What made a config: "baseline", "random", "mutation", "crossover", "neighbor", "given", ..."""


@dataclass(frozen=True)
class Proposal:
    """A candidate.

    Example:
        >>> Proposal({"depth": 2}, "mutation", ("trial_7",)).parents
        ('trial_7',)
    """

    config: Config
    move: Move
    parents: tuple[str, ...] = ()
    """The ids of the trials that it was made from."""
    key: str = ""
    """Equal for configs that count as duplicates of each other."""
    expected: dict[str, Any] | None = None
    """What the strategy predicts of it, as in `TrialProposed`; None if it does not predict."""
