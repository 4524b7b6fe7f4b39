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
"""Shares of one GPU are tenths: coarse, so that Tune can use actors and placement groups again."""
_LEAST_BYTES: Final = 2**20
"""A memory below a MiB was meant in another unit."""


@dataclass(frozen=True)
class ResourcesFor:
    """What `tune.with_resources` takes: a trial's config to its CPUs and its share of a GPU.
    Made by `resources_for`.
    """

    cost: CostFunction
    gpu_memory: tuple[tuple[str | None, int], ...]
    """Accelerator type (None for any) and memory in bytes, the smallest GPU first."""
    cpus: float
    headroom: float
    process_memory: int
    max_gpus: int

    def __call__(self, config: Mapping[str, Any]) -> PlacementGroupFactory:
        """The resources of a trial.

        Raises:
            ValueError: Training the architecture fits no GPU, nor up to `max_gpus` of them.
        """
        cost = self.cost.profile(config)
        gpus, kind = self._place(cost)
        if math.isinf(gpus):
            raise ValueError(
                f"an architecture needs {self._needed(cost, 1) / 2**20:,.1f} MiB to train (estimate and head-room), more than "
                f"max_gpus = {self.max_gpus} GPUs of {self.gpu_memory[-1][1] / 2**20:,.1f} MiB hold with the batch split among them; "
                f"give the searcher costs=resources.costs and constraints={{'gpus': (None, {self.max_gpus})}} so that such ones are "
                f"not proposed, or a smaller batch_size: {dict(config)}"
            )
        bundle = {"CPU": self.cpus, "GPU": gpus}
        if kind is not None:
            bundle[f"accelerator_type:{kind}"] = (
                0.001  # Ray's own way of saying "on a node with this one"
            )
        return PlacementGroupFactory([bundle])

    def costs(self, config: Mapping[str, Any]) -> dict[str, float]:
        """What searchers take as `costs`: the figures of `Cost`, and `gpus`, infinite where the
        architecture fits nowhere.
        """
        cost = self.cost.profile(config)
        return {**asdict(cost), "gpus": self._place(cost)[0]}

    def _place(self, cost: Cost) -> tuple[float, str | None]:
        """How many GPUs, and of which type: the smallest that holds it alone, else the fewest of
        the largest.
        """
        for kind, memory in self.gpu_memory:
            tenths = math.ceil(_STEPS * self._needed(cost, 1) / memory)
            if tenths <= _STEPS:
                return max(tenths, 1) / _STEPS, kind
        kind, memory = self.gpu_memory[-1]
        for gpus in range(2, self.max_gpus + 1):
            if self._needed(cost, gpus) <= memory:
                return float(gpus), kind
        return math.inf, None

    def _needed(self, cost: Cost, gpus: int) -> float:
        """Bytes on each of `gpus` GPUs that share a batch (data parallel: the activations are
        split, the rest is not).
        """
        return (1 + self.headroom) * (
            cost.fixed_bytes + cost.activation_bytes / gpus
        ) + self.process_memory


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
    """The share of a GPU that each architecture needs, for `tune.with_resources(train, ...)`.

    The estimate is `ray_nas.estimators.cost.profile`'s peak memory of a training step. Shares of
    one GPU are tenths, rounded up, from 0.1 to 1. What needs more gets whole GPUs, on which the
    trainable is expected to split the batch (data parallel). Ray counts shares and does not enforce
    them: a trainable that takes more than its share is not stopped.

    Args:
        space: The space whose `build` makes the networks.
        input_shape: The shape of one input, without the batch.
        batch_size: Inputs in the batch that a trial trains on.
        gpu_memory: Bytes of one GPU, at least a MiB. For a cluster of several kinds, bytes by
            accelerator type as Ray names them, e.g. `{"T4": 16e9, "A100": 40e9}`: an architecture
            goes to the smallest on which it fits.
        cpus: CPUs of each trial.
        key: Where a trial's config holds the architecture, e.g. "arch" for `param_space={"arch":
            space}`; None if at its top.
        optimizer: What makes the trainable's optimizer from the parameters; None for no state.
        headroom: Added to the estimate, as a part of it: workspaces, gradients on their way, the
            allocator's fragments.
        process_memory: Bytes that each process takes beside its tensors, 0 or at least a MiB; a
            CUDA context holds about 500 MB.
        max_gpus: The most GPUs that a trial may get. They have to be in one node.

    Raises:
        ValueError: An argument breaks a rule; the message names it.
    """
    memories = gpu_memory.items() if isinstance(gpu_memory, Mapping) else [(None, gpu_memory)]
    if not memories:
        raise ValueError(
            f"gpu_memory must be bytes of one GPU, or by accelerator type of at least one, got {gpu_memory}"
        )
    for kind, memory in memories:
        check_float(
            f"gpu_memory{'' if kind is None else f'[{kind!r}]'} (bytes)",
            memory,
            low=_LEAST_BYTES,
        )
    check_float("cpus", cpus, low=0)
    check_float("headroom", headroom, low=0)
    if process_memory != 0:
        check_float("process_memory (bytes, where not 0)", process_memory, low=_LEAST_BYTES)
    check_int("max_gpus", max_gpus, low=1)
    cost = cost_function(space, input_shape, batch_size=batch_size, optimizer=optimizer, key=key)
    sizes = tuple(
        sorted(((kind, int(memory)) for kind, memory in memories), key=lambda pair: pair[1])
    )
    return ResourcesFor(cost, sizes, cpus, headroom, int(process_memory), max_gpus)
