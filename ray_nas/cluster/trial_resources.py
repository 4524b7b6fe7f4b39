"""A GPU share for each architecture, from the memory that its training is estimated to need."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import torch
from ray.tune import PlacementGroupFactory

from ray_nas.checks import check_float, check_int
from ray_nas.estimators.cost import Cost, CostFunction, MakeOptimizer, cost_function
from ray_nas.spaces.core.search_space import SearchSpace

_STEPS: Final = 10
"""Shares of one GPU are tenths: few sizes, so Tune can reuse actors and placement groups."""
_LEAST_BYTES: Final = 2**20
"""A memory below one MiB was meant in another unit."""
_TYPE_AMOUNT: Final = 0.001
"""The amount of an accelerator type with which Ray asks for a node that has it."""


@dataclass(frozen=True)
class ResourcesFor:
    """Maps a trial's config to its CPUs and GPU share, for `tune.with_resources`.

    Made by `resources_for`.

    Example:
        >>> from ray_nas.spaces import MLPSpace
        >>> space = MLPSpace(inputs=8, outputs=2, max_layers=2)
        >>> resources = resources_for(space, (8,), batch_size=32, gpu_memory=16e9)
        >>> config = space.sample(random_state=0)
        >>> resources(config).required_resources, resources.costs(config)["gpus"]
        ({'CPU': 1.0, 'GPU': 0.1}, 0.1)
    """

    cost: CostFunction
    """Estimates the cost of a trial's config."""
    gpu_memory: tuple[tuple[str | None, int], ...]
    """Accelerator type (None for any) and memory in bytes, the smallest GPU first."""
    cpus: float
    headroom: float
    process_memory: int
    max_gpus: int

    def __call__(self, config: Mapping[str, Any]) -> PlacementGroupFactory:
        """The resources of a trial.

        Raises:
            ValueError: The architecture's training does not fit, even on `max_gpus` GPUs.
        """
        cost = self.cost.profile(config)
        gpus, accelerator_type = self._place(cost)
        if math.isinf(gpus):
            raise ValueError(self._why_too_large(config, cost, "max_gpus", self.max_gpus))
        return PlacementGroupFactory([self._bundle(gpus, accelerator_type)])

    def per_worker(self, config: Mapping[str, Any], num_workers: int) -> dict[str, float]:
        """The bundle of one of several workers that split each batch, for Ray Train.

        Pass it as `resources_per_worker` of Ray Train's `ScalingConfig(num_workers,
        use_gpu=True)`. Give the trial itself next to nothing,
        `tune.with_resources(train, {"CPU": 0.01})`: the trainer reserves its workers' bundles, and
        the trial only waits for them.

        Args:
            config: The trial's config.
            num_workers: Workers of the trial, at least 1; each trains on 1 / num_workers of a batch
                and holds all parameters.

        Raises:
            ValueError: `num_workers` is below 1, or the architecture's training does not fit on one
                GPU for each worker.

        Example:
            >>> from ray_nas.spaces import MobileNetSpace
            >>> resources = resources_for(MobileNetSpace(), (3, 32, 32), 512, gpu_memory=16e9)
            >>> config = MobileNetSpace().sample(random_state=0)
            >>> resources.per_worker(config, num_workers=4)
            {'CPU': 1, 'GPU': 0.1}
        """
        check_int("num_workers", num_workers, low=1)
        cost = self.cost.profile(config)
        place = self._share_of_one(cost, num_workers)
        if place is None:
            raise ValueError(self._why_too_large(config, cost, "num_workers", num_workers))
        return self._bundle(*place)

    def costs(self, config: Mapping[str, Any]) -> dict[str, float]:
        """A searcher's `costs`: the fields of `Cost`, and `gpus`, infinite if it fits nowhere."""
        cost = self.cost.profile(config)
        return {**asdict(cost), "gpus": self._place(cost)[0]}

    def _bundle(self, gpus: float, accelerator_type: str | None) -> dict[str, float]:
        bundle = {"CPU": self.cpus, "GPU": gpus}
        if accelerator_type is not None:
            bundle[f"accelerator_type:{accelerator_type}"] = _TYPE_AMOUNT
        return bundle

    def _why_too_large(self, config: Mapping[str, Any], cost: Cost, name: str, gpus: int) -> str:
        needed = f"{self._needed(cost, 1) / 2**20:,.1f} MiB"
        available = f"{gpus} GPUs of {self.gpu_memory[-1][1] / 2**20:,.1f} MiB"
        return (
            f"an architecture needs {needed} to train (estimate and headroom), more than {name} "
            f"= {available} hold with the batch split among them; give the searcher "
            f"costs=resources.costs and constraints={{'gpus': (None, {gpus})}}, so that "
            f"none as large is proposed, or use a smaller batch_size: {dict(config)}"
        )

    def _place(self, cost: Cost) -> tuple[float, str | None]:
        """How many GPUs of which type: the smallest that holds it, else the fewest largest ones."""
        place = self._share_of_one(cost, 1)
        if place is not None:
            return place
        accelerator_type, memory = self.gpu_memory[-1]
        for gpus in range(2, self.max_gpus + 1):
            if self._needed(cost, gpus) <= memory:
                return float(gpus), accelerator_type
        return math.inf, None

    def _share_of_one(self, cost: Cost, workers: int) -> tuple[float, str | None] | None:
        """The share of the smallest GPU that holds one worker's part; None if none does."""
        for accelerator_type, memory in self.gpu_memory:
            tenths = math.ceil(_STEPS * self._needed(cost, workers) / memory)
            if tenths <= _STEPS:
                return max(tenths, 1) / _STEPS, accelerator_type
        return None

    def _needed(self, cost: Cost, gpus: int) -> float:
        """Bytes on each of `gpus` GPUs that share a batch.

        Data parallel: the activations are split, everything else is copied.
        """
        tensors = cost.fixed_bytes + cost.activation_bytes / gpus
        return (1 + self.headroom) * tensors + self.process_memory


def resources_for(
    space: SearchSpace,
    input_shape: Sequence[int],
    batch_size: int,
    gpu_memory: float | Mapping[str, float],
    cpus: float = 1,
    key: str | None = None,
    *,
    optimizer: MakeOptimizer | None = torch.optim.AdamW,
    headroom: float = 0.3,
    process_memory: float = 0,
    max_gpus: int = 8,
) -> ResourcesFor:
    """The GPU share that each architecture needs, for `tune.with_resources(train, ...)`.

    The estimate is the peak memory of a training step from `ray_nas.estimators.cost.profile`.
    Shares of one GPU are tenths, rounded up, from 0.1 to 1. Larger architectures get whole GPUs,
    among which the trainable must split the batch (data parallel). Ray counts shares without
    enforcing them: a trainable that uses more than its share is not stopped.

    Args:
        space: The space whose `build` makes the networks.
        input_shape: The shape of one input, without the batch.
        batch_size: Inputs in the batch that a trial trains on.
        gpu_memory: Bytes of one GPU, at least one MiB. For a cluster of several types, bytes by
            accelerator type as Ray names them, e.g. `{"T4": 16e9, "A100": 40e9}`: each architecture
            goes to the smallest that it fits on.
        cpus: CPUs of each trial.
        key: The entry of a trial's config that holds the architecture, e.g. "arch" for
            `param_space={"arch": space}`; None if the config is the architecture.
        optimizer: Makes the trainable's optimizer from the parameters; None for no state.
        headroom: Added to the estimate, as a fraction of it, for workspaces, gradients of
            activations and the allocator's fragmentation.
        process_memory: Bytes that each process needs beside its tensors, 0 or at least one MiB; a
            CUDA context holds about 500 MB.
        max_gpus: The most GPUs for a trial. They must be in one node.

    Raises:
        ValueError: An argument breaks a rule; the message names it.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> memory = {"T4": 16e9, "A100": 40e9}
        >>> resources = resources_for(NASBench201(), (3, 32, 32), 256, memory)
        >>> trainable = tune.with_resources(train, resources)  # doctest: +SKIP
    """
    check_float("cpus", cpus, low=0)
    check_float("headroom", headroom, low=0)
    if process_memory != 0:
        check_float("process_memory (bytes, where not 0)", process_memory, low=_LEAST_BYTES)
    check_int("max_gpus", max_gpus, low=1)
    memories = _checked_memories(gpu_memory)
    cost = cost_function(space, input_shape, batch_size=batch_size, optimizer=optimizer, key=key)
    return ResourcesFor(cost, memories, cpus, headroom, int(process_memory), max_gpus)


def _checked_memories(
    gpu_memory: float | Mapping[str, float],
) -> tuple[tuple[str | None, int], ...]:
    """Accelerator types and their memory in bytes, the smallest first."""
    if not isinstance(gpu_memory, Mapping):
        check_float("gpu_memory (bytes)", gpu_memory, low=_LEAST_BYTES)
        return ((None, int(gpu_memory)),)
    if not gpu_memory:
        raise ValueError(
            "gpu_memory must be bytes of one GPU, or bytes by accelerator type of at least one, "
            f"got {gpu_memory}"
        )
    for accelerator_type, memory in gpu_memory.items():
        check_float(f"gpu_memory[{accelerator_type!r}] (bytes)", memory, low=_LEAST_BYTES)
    sizes = ((kind, int(memory)) for kind, memory in gpu_memory.items())
    return tuple(sorted(sizes, key=lambda pair: pair[1]))
