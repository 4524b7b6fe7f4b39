"""Where trials run during a simulation: a pool of equal workers, or the nodes of a cluster."""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from ray.tune import PlacementGroupFactory

from ray_nas.simulation.virtual_cluster import Resources, VirtualCluster
from ray_nas.simulation.virtual_trial import VirtualTrial

_ROUNDING: Final = 1e-9


class WorkerPool:
    """Room for a number of trials, whatever they need; workers never fail."""

    max_pending = 1
    max_failures = 0
    checkpoint_frequency = 0

    def __init__(self, number: int) -> None:
        self._free = number

    def is_full(self) -> bool:
        """Whether no trial can start."""
        return self._free == 0

    def place(self, trial: VirtualTrial, clock: float) -> bool:
        """Gives a trial its resources; False if it has to wait."""
        self._free -= 1
        return True

    def release(self, trial: VirtualTrial, clock: float) -> None:
        """Frees the resources of a trial."""
        self._free += 1

    def next_change(self) -> float:
        """When a node fails or comes back next, in seconds."""
        return math.inf

    def apply_change(self) -> list[VirtualTrial]:
        """Applies that change; returns the trials that it interrupts."""
        return []

    def utilization(self, clock: float) -> dict[str, float]:
        """The share of each resource in use so far, in [0, 1]; empty for workers."""
        return {}


class _Node:
    def __init__(self, resources: Resources) -> None:
        self.resources = dict(resources)
        self.is_up = True
        self.fails_at = math.inf
        """When it fails at random next; a failure planned before its last return is void."""
        self.restore()

    def restore(self) -> None:
        """Frees everything."""
        self._free = {
            name: float(amount) for name, amount in self.resources.items() if name != "GPU"
        }
        self._gpus = [1.0] * int(self.resources.get("GPU", 0))

    def place(self, bundle: Resources) -> list[int] | None:
        """Takes a bundle's resources; returns its GPUs, or None if there is no room."""
        if not self.is_up or not all(
            self._free.get(name, 0.0) + _ROUNDING >= amount
            for name, amount in bundle.items()
            if name != "GPU"
        ):
            return None
        gpus = self._choose_gpus(bundle["GPU"]) if bundle.get("GPU") else []
        if gpus is not None:
            self._add(bundle, gpus, -1)
        return gpus

    def release(self, bundle: Resources, gpus: list[int]) -> None:
        """Frees a bundle's resources."""
        self._add(bundle, gpus, 1)

    def _choose_gpus(self, amount: float) -> list[int] | None:
        """Fractions go to the fullest GPU that fits; whole ones to any free GPUs."""
        if amount >= 1:
            whole = [index for index, free in enumerate(self._gpus) if free >= 1]
            return whole[: int(amount)] if len(whole) >= amount else None
        fitting = [index for index, free in enumerate(self._gpus) if free + _ROUNDING >= amount]
        return [min(fitting, key=self._gpus.__getitem__)] if fitting else None

    def _add(self, bundle: Resources, gpus: list[int], sign: int) -> None:
        for name, amount in bundle.items():
            if name != "GPU":
                self._free[name] += sign * amount
        for index in gpus:
            self._gpus[index] += sign * min(1.0, bundle["GPU"])


class _Placement(NamedTuple):
    """A bundle on a node."""

    node: _Node
    bundle: Resources
    gpus: list[int]


@dataclass(frozen=True)
class _Running:
    """A running trial's placements, and since when it has them."""

    since: float
    placements: list[_Placement]


class _Change(NamedTuple):
    """A node fails, or comes back."""

    time: float
    node: int
    is_return: bool
    is_random: bool


class NodePool(WorkerPool):
    """The nodes of a `VirtualCluster` during one simulation."""

    def __init__(self, cluster: VirtualCluster) -> None:
        self._cluster = cluster
        self.max_pending = cluster.max_pending
        self.max_failures = cluster.max_failures
        self.checkpoint_frequency = cluster.checkpoint_frequency
        self._nodes = [_Node(resources) for resources in cluster.nodes]
        self._running: dict[VirtualTrial, _Running] = {}
        self._bundles: dict[VirtualTrial, list[Resources]] = {}
        self._no_room: set[str] = set()
        """Bundles that found no room; not tried again before something is released."""
        self._seconds: dict[str, float] = {}
        """Amount times seconds of each resource, over the trials that have left."""
        self._rng = np.random.default_rng(cluster.seed)
        self._changes = [
            _Change(float(time), node, is_return=False, is_random=False)
            for time, node in cluster.outages
        ]
        heapq.heapify(self._changes)
        for index in range(len(self._nodes)):
            self._plan_failure(index, 0.0)

    def is_full(self) -> bool:
        """Always False: what the next trial needs is not known yet."""
        return False

    def place(self, trial: VirtualTrial, clock: float) -> bool:
        """Places a trial on the first nodes with room; False if it has to wait.

        Raises:
            ValueError: It would not fit on empty nodes, or its resources are invalid.
        """
        bundles = self._bundles_of(trial)
        key = str(bundles)
        if key in self._no_room:
            return False
        placements = _place(self._nodes, bundles)
        if placements is None:
            self._no_room.add(key)
            if trial.started is None:
                self._check_fits(trial, bundles)
            return False
        self._running[trial] = _Running(clock, placements)
        return True

    def _check_fits(self, trial: VirtualTrial, bundles: Sequence[Resources]) -> None:
        """Raises unless the bundles fit on empty nodes."""
        if _place([_Node(node.resources) for node in self._nodes], bundles) is None:
            raise ValueError(
                f"resources {bundles} fit on no node of the cluster: Tune would wait forever for "
                f"{trial.config}"
            )

    def release(self, trial: VirtualTrial, clock: float) -> None:
        """Frees the resources of a trial."""
        self._no_room.clear()
        running = self._running.pop(trial)
        for node, bundle, gpus in running.placements:
            if node.is_up:
                node.release(bundle, gpus)
        _add_usage(self._seconds, running, clock)
        if trial.is_finished():
            self._bundles.pop(trial, None)

    def next_change(self) -> float:
        """When a node fails or comes back next, in seconds."""
        return self._changes[0].time if self._changes else math.inf

    def apply_change(self) -> list[VirtualTrial]:
        """Makes a node fail or come back; returns the trials that ran on it."""
        change = heapq.heappop(self._changes)
        node = self._nodes[change.node]
        if change.is_return:
            self._no_room.clear()
            node.is_up = True
            node.restore()
            self._plan_failure(change.node, change.time)
        elif node.is_up and (not change.is_random or change.time == node.fails_at):
            node.is_up = False
            back = change.time + self._cluster.repair_seconds
            heapq.heappush(self._changes, _Change(back, change.node, True, False))
            return [trial for trial in self._running if self._runs_on(trial, node)]
        return []

    def _runs_on(self, trial: VirtualTrial, node: _Node) -> bool:
        return any(placement.node is node for placement in self._running[trial].placements)

    def utilization(self, clock: float) -> dict[str, float]:
        """The share of each resource of all nodes in use so far, in [0, 1]; outages count."""
        if clock <= 0:
            return {}
        used = dict(self._seconds)
        for running in self._running.values():
            _add_usage(used, running, clock)
        total = {name: sum(node.resources.get(name, 0.0) for node in self._nodes) for name in used}
        return {name: seconds / (total[name] * clock) for name, seconds in used.items()}

    def _bundles_of(self, trial: VirtualTrial) -> list[Resources]:
        """What a trial needs, the largest bundle first."""
        if trial not in self._bundles:
            resources = self._cluster.resources
            needed = resources(dict(trial.config)) if callable(resources) else resources
            if isinstance(needed, PlacementGroupFactory) and needed.strategy.startswith("STRICT"):
                raise ValueError(
                    "resources must have a placement strategy other than STRICT_PACK and "
                    f"STRICT_SPREAD, got {needed.strategy} for {trial.config}"
                )
            bundles = needed.bundles if isinstance(needed, PlacementGroupFactory) else [needed]
            amounts = (_amounts(bundle) for bundle in bundles)
            self._bundles[trial] = sorted(amounts, key=_size, reverse=True)
        return self._bundles[trial]

    def _plan_failure(self, index: int, now: float) -> None:
        if self._cluster.mean_uptime is not None:
            time = now + float(self._rng.exponential(self._cluster.mean_uptime))
            self._nodes[index].fails_at = time
            heapq.heappush(self._changes, _Change(time, index, False, True))


def _add_usage(seconds: dict[str, float], running: _Running, clock: float) -> None:
    """Adds the amount times seconds of each resource that a trial has had."""
    for _, bundle, _ in running.placements:
        for name, amount in bundle.items():
            seconds[name] = seconds.get(name, 0.0) + amount * (clock - running.since)


def _amounts(bundle: Resources) -> Resources:
    """The positive amounts of a bundle.

    Raises:
        ValueError: An amount is negative or not finite, or more than one GPU are not whole ones.
    """
    gpus = bundle.get("GPU", 0)
    is_valid = all(0 <= amount < math.inf for amount in bundle.values())
    if not is_valid or (gpus > 1 and gpus != int(gpus)):
        raise ValueError(
            "resources must be amounts of at least 0, more than one GPU in whole GPUs, got "
            f"{dict(bundle)}"
        )
    return {name: amount for name, amount in bundle.items() if amount > 0}


def _size(bundle: Resources) -> tuple[float, float]:
    """The sort key of bundles: large ones are placed first, while there is room."""
    return bundle.get("GPU", 0.0), bundle.get("CPU", 0.0)


def _place(nodes: Sequence[_Node], bundles: Sequence[Resources]) -> list[_Placement] | None:
    """Places all bundles, or none."""
    placements: list[_Placement] = []
    for bundle in bundles:
        placement = _place_bundle(nodes, bundle)
        if placement is None:
            for node, placed, gpus in placements:
                node.release(placed, gpus)
            return None
        placements.append(placement)
    return placements


def _place_bundle(nodes: Sequence[_Node], bundle: Resources) -> _Placement | None:
    """Places a bundle on the first node with room."""
    for node in nodes:
        gpus = node.place(bundle)
        if gpus is not None:
            return _Placement(node, bundle, gpus)
    return None
