"""`VirtualCluster`: describes nodes with GPUs of several types, which fail and are repaired."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ray.tune import PlacementGroupFactory

from ray_nas.checks import check_float, check_int

Resources = Mapping[str, float]
"""Amounts by name, as Ray names resources."""
ResourcesOf = Callable[[dict[str, Any]], Resources | PlacementGroupFactory]
"""Maps a trial's config to its resources."""


@dataclass(frozen=True)
class VirtualCluster:
    """The nodes of a simulated cluster.

    A trial waits until there is room for each bundle of its resources on one node. A fraction of a
    GPU is on one GPU; more than one GPU are whole GPUs of one node.

    A node that fails interrupts its trials. Each is retried from its last checkpoint, up to
    `max_failures` times, and then is an error. As with Tune, searchers see only that error; reports
    made again are reported again.

    Args:
        nodes: The resources of each node as Ray names them, such as `{"CPU": 8, "GPU": 4,
            "accelerator_type:T4": 1}`.
        resources: What a trial needs, or a function of its config, such as
            `ray_nas.cluster.resources_for` makes. Bundles of a placement group go wherever there is
            room; strategies that need or forbid one node for all are not simulated.
        max_pending: How many trials may be proposed ahead and wait; the first that fits starts
            first. Tune allows one if there is a searcher, unless `TUNE_MAX_PENDING_TRIALS_PG` is
            set: with several GPU types, one waiting for a type keeps others from the other type.
        outages: (seconds, node): when the node of that index fails.
        mean_uptime: Mean seconds between random failures of a node (exponential); None for none.
        repair_seconds: How long a failed node is away.
        max_failures: How often a trial is retried; -1 for always (Tune's `FailureConfig`).
        checkpoint_frequency: Reports between checkpoints; 0 for none, so that a trial starts over.
        seed: Seed of the random failures.

    Raises:
        ValueError: An argument breaks a rule.

    Example:
        >>> cluster = VirtualCluster([{"CPU": 8, "GPU": 4}], {"CPU": 1, "GPU": 0.5})
    """

    nodes: Sequence[Resources]
    resources: Resources | ResourcesOf = field(default_factory=lambda: {"CPU": 1.0})
    max_pending: int = 1
    outages: Sequence[tuple[float, int]] = ()
    mean_uptime: float | None = None
    repair_seconds: float = 300.0
    max_failures: int = -1
    checkpoint_frequency: int = 0
    seed: int | None = None

    def __post_init__(self) -> None:
        if not self.nodes:
            raise ValueError("nodes must hold at least one node's resources")
        check_int("max_pending", self.max_pending, low=1)
        check_float("repair_seconds", self.repair_seconds, low=0)
        check_int("max_failures", self.max_failures, low=-1)
        check_int("checkpoint_frequency", self.checkpoint_frequency, low=0)
        if self.mean_uptime is not None:
            check_float("mean_uptime", self.mean_uptime, above=0)
        for time, node in self.outages:
            if not time >= 0 or not 0 <= node < len(self.nodes):
                raise ValueError(
                    "outages must be (seconds >= 0, index of a node < "
                    f"{len(self.nodes)}), got {(time, node)}"
                )
