"""`VirtualCluster`: nodes with GPUs of their own kind for `simulate`, which fail and come back."""

import heapq
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from ray.tune import PlacementGroupFactory

from ray_nas.checks import check_float, check_int
from ray_nas.simulation.virtual_trial import VirtualTrial

Resources = Mapping[str, float]
ResourcesOf = Callable[[dict[str, Any]], Resources | PlacementGroupFactory]
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class VirtualCluster:
    """Machines on the virtual clock.

    A trial waits until one node has room for each bundle of its resources. A share of a GPU lies on
    one GPU; more than one GPU are whole ones of one node.

    A node that fails takes its trials along. Each begins again, from its last checkpoint, as often
    as `max_failures` says; then it is an error. Searchers hear of that alone, as from Tune; reports
    that are made again are reported again.

    Args:
        nodes: The resources of each node as Ray names them, such as `{"CPU": 8, "GPU": 4,
            "accelerator_type:T4": 1}`.
        resources: What a trial needs, or a function of its config (`ray_nas.cluster.resources_for`
            gives one). Bundles of a placement group go where there is room; strategies that forbid
            or demand one node for all are not simulated.
        max_pending: How many trials are proposed ahead and may wait at a time, the first that fits
            going first. Tune lets one wait where there is a searcher, unless
            `TUNE_MAX_PENDING_TRIALS_PG` says otherwise: on GPUs of several kinds one that waits for
            the one keeps others from the other.
        outages: (seconds, node) at which the node of that index fails.
        mean_uptime: Mean seconds between the random failures of a node (exponential); None for
            none.
        repair_seconds: How long a node is away.
        max_failures: How often a trial is tried again; -1 for always (Tune's `FailureConfig`).
        checkpoint_frequency: Reports from checkpoint to checkpoint; 0 for none, so that a trial
            starts over.
        seed: Seed of the random failures.

    Raises:
        ValueError: An argument breaks a rule.
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
                    f"outages must be (seconds >= 0, index of a node < {len(self.nodes)}), got {(time, node)}"
                )


class Workers:
    """Room for a number of trials, whatever they need, that never fails."""

    max_pending, max_failures, checkpoint_frequency = 1, 0, 0

    def __init__(self, number: int) -> None:
        self._free = number

    def is_full(self) -> bool:
        """Whether nothing more can start."""
        return self._free == 0

    def take(self, trial: VirtualTrial, clock: float) -> bool:
        """Starts a trial; False if it has to wait."""
        self._free -= 1
        return True

    def release(self, trial: VirtualTrial, clock: float) -> None:
        """A trial has left."""
        self._free += 1

    def next_change(self) -> float:
        """When a node goes or comes next, in seconds."""
        return math.inf

    def change(self) -> list[VirtualTrial]:
        """Lets that happen; gives the trials that it ends."""
        return []

    def used(self, clock: float) -> dict[str, float]:
        """The share of each resource that was in use up to now; nothing here."""
        return {}


class _Node:
    def __init__(self, resources: Resources) -> None:
        self.resources = dict(resources)
        self.up = True
        self.fails_at = math.inf
        """When it fails at random next; a failure planned before its last return is void."""
        self.restore()

    def restore(self) -> None:
        self.free = {
            name: float(amount) for name, amount in self.resources.items() if name != "GPU"
        }
        self.gpus = [1.0] * int(self.resources.get("GPU", 0))

    def choose_gpus(self, amount: float) -> list[int] | None:
        """A share of one: the fullest that has room. Whole ones: such as are free."""
        if amount >= 1:
            whole = [index for index, free in enumerate(self.gpus) if free >= 1]
            return whole[: int(amount)] if len(whole) >= amount else None
        fitting = [index for index, free in enumerate(self.gpus) if free + _ROUNDING >= amount]
        return [min(fitting, key=self.gpus.__getitem__)] if fitting else None

    def take(self, bundle: Resources) -> list[int] | None:
        """The GPUs that a bundle gets; None if there is no room."""
        if not self.up or any(
            self.free.get(name, 0.0) + _ROUNDING < amount
            for name, amount in bundle.items()
            if name != "GPU"
        ):
            return None
        gpus = self.choose_gpus(bundle["GPU"]) if bundle.get("GPU") else []
        if gpus is not None:
            self.give(bundle, gpus, -1)
        return gpus

    def give(self, bundle: Resources, gpus: list[int], sign: int) -> None:
        for name, amount in bundle.items():
            if name != "GPU":
                self.free[name] += sign * amount
        for index in gpus:
            self.gpus[index] += sign * min(1.0, bundle["GPU"])


class Machines(Workers):
    """The nodes of a `VirtualCluster` during one simulation."""

    def __init__(self, cluster: VirtualCluster) -> None:
        self._cluster = cluster
        self.max_pending = cluster.max_pending
        self.max_failures, self.checkpoint_frequency = (
            cluster.max_failures,
            cluster.checkpoint_frequency,
        )
        self._nodes = [_Node(resources) for resources in cluster.nodes]
        self._held: dict[VirtualTrial, tuple[float, list[tuple[_Node, Resources, list[int]]]]] = {}
        """Since when a trial runs, and what it has."""
        self._bundles: dict[VirtualTrial, list[Resources]] = {}
        self._no_room: set[str] = set()
        """Needs that found no room; they need not be tried again before something has left."""
        self._seconds: dict[str, float] = {}
        self._rng = np.random.default_rng(cluster.seed)
        self._changes: list[tuple[float, int, bool, bool]] = [
            (float(time), node, False, False) for time, node in cluster.outages
        ]
        """(seconds, node, whether it comes back then, whether it fails at random)."""
        heapq.heapify(self._changes)
        for index in range(len(self._nodes)):
            self._plan_failure(index, 0.0)

    def is_full(self) -> bool:
        """Never: what the next trial needs is not known yet."""
        return False

    def take(self, trial: VirtualTrial, clock: float) -> bool:
        """Places a trial on the first nodes with room.

        Raises:
            ValueError: It would not fit if all nodes were empty, or its resources are none.
        """
        bundles = self._needs(trial)
        needs = str(bundles)
        if needs in self._no_room:
            return False
        held = _place(self._nodes, bundles)
        if held is None:
            self._no_room.add(needs)
            if (
                trial.started is None
                and _place([_Node(node.resources) for node in self._nodes], bundles) is None
            ):
                raise ValueError(
                    f"resources {needs} fit on no node of the cluster: Tune would wait forever for {trial.config}"
                )
            return False
        self._held[trial] = clock, held
        return True

    def release(self, trial: VirtualTrial, clock: float) -> None:
        """A trial has left."""
        self._no_room.clear()
        since, held = self._held.pop(trial)
        for node, bundle, gpus in held:
            if node.up:
                node.give(bundle, gpus, 1)
            for name, amount in bundle.items():
                self._seconds[name] = self._seconds.get(name, 0.0) + amount * (clock - since)
        if trial.is_finished():
            self._bundles.pop(trial, None)

    def next_change(self) -> float:
        """When a node goes or comes next, in seconds."""
        return self._changes[0][0] if self._changes else math.inf

    def change(self) -> list[VirtualTrial]:
        """A node fails or comes back; gives the trials that ran on it."""
        time, index, back, at_random = heapq.heappop(self._changes)
        node = self._nodes[index]
        if back:
            self._no_room.clear()
            node.up = True
            node.restore()
            self._plan_failure(index, time)
        elif node.up and (not at_random or time == node.fails_at):
            node.up = False
            heapq.heappush(self._changes, (time + self._cluster.repair_seconds, index, True, False))
            return [
                trial
                for trial, (_, held) in self._held.items()
                if any(place is node for place, _, _ in held)
            ]
        return []

    def used(self, clock: float) -> dict[str, float]:
        """The share of each resource of all nodes, outages included, that was in use up to now."""
        running = dict(self._seconds)
        for since, held in self._held.values():
            for _, bundle, _ in held:
                for name, amount in bundle.items():
                    running[name] = running.get(name, 0.0) + amount * (clock - since)
        total = {
            name: sum(node.resources.get(name, 0.0) for node in self._nodes) for name in running
        }
        return (
            {name: seconds / (total[name] * clock) for name, seconds in running.items()}
            if clock > 0
            else {}
        )

    def _needs(self, trial: VirtualTrial) -> list[Resources]:
        if trial not in self._bundles:
            resources = self._cluster.resources
            needed = resources(dict(trial.config)) if callable(resources) else resources
            if isinstance(needed, PlacementGroupFactory) and needed.strategy.startswith("STRICT"):
                raise ValueError(
                    f"resources: the placement strategy {needed.strategy} is not simulated, got it for {trial.config}"
                )
            bundles = needed.bundles if isinstance(needed, PlacementGroupFactory) else [needed]
            self._bundles[trial] = sorted(
                (_amounts(bundle) for bundle in bundles), key=_size, reverse=True
            )
        return self._bundles[trial]

    def _plan_failure(self, index: int, now: float) -> None:
        if self._cluster.mean_uptime is not None:
            self._nodes[index].fails_at = now + float(
                self._rng.exponential(self._cluster.mean_uptime)
            )
            heapq.heappush(self._changes, (self._nodes[index].fails_at, index, False, True))


def _amounts(bundle: Resources) -> Resources:
    """What there is of a bundle.

    Raises:
        ValueError: An amount is negative or not finite, or the GPUs are neither a share of one nor
            whole ones.
    """
    gpus = bundle.get("GPU", 0)
    if not all(0 <= amount < math.inf for amount in bundle.values()) or (
        gpus > 1 and gpus != int(gpus)
    ):
        raise ValueError(
            f"resources must be amounts of at least 0, more than one GPU in whole GPUs, got {dict(bundle)}"
        )
    return {name: amount for name, amount in bundle.items() if amount > 0}


def _size(bundle: Resources) -> tuple[float, float]:
    """The large ones are placed first, while there is room."""
    return bundle.get("GPU", 0.0), bundle.get("CPU", 0.0)


def _place(
    nodes: Sequence[_Node], bundles: Sequence[Resources]
) -> list[tuple[_Node, Resources, list[int]]] | None:
    """Takes room for all bundles, or for none."""
    held: list[tuple[_Node, Resources, list[int]]] = []
    for bundle in bundles:
        found = next(_offers(nodes, bundle), None)
        if found is None:
            for node, taken, gpus in held:
                node.give(taken, gpus, 1)
            return None
        held.append((found[0], bundle, found[1]))
    return held


def _offers(nodes: Sequence[_Node], bundle: Resources) -> Iterator[tuple[_Node, list[int]]]:
    for node in nodes:
        gpus = node.take(bundle)
        if gpus is not None:
            yield node, gpus
