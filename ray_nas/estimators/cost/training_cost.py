"""What training a network costs, on torch's meta device: parameters, FLOPs, memory.

Nothing is allocated or computed. FLOPs follow the formulas of `torch.utils.flop_counter`.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ray_nas.checks import check_int
from ray_nas.estimators.cost.training_memory import (
    MakeOptimizer,
    distinct_storages,
    make_optimizer,
    optimizer_bytes,
    run_forward,
    tensor_bytes,
)
from ray_nas.spaces.core.search_space import SearchSpace


@dataclass(frozen=True)
class Cost:
    """What training one network costs; made by `profile`.

    Example:
        >>> cost = profile(nn.Linear(10, 5), (10,))
        >>> cost.flops, cost.multiply_adds
        (100, 50)
    """

    params: int
    """Elements of all parameters; a shared one counts once."""
    flops: int
    """FLOPs of the forward pass for one input.

    Twice the multiply-adds of convolutions, linear layers, matrix products and attention. As in
    `torch.utils.flop_counter`, biases, pooling, normalisation, activations and sums are free.
    """
    activation_bytes: int
    """Memory held between the forward and the backward pass: inputs, saved tensors, outputs.

    For one batch. Excludes activations of branches that reach no output.
    """
    peak_memory_bytes: int
    """Memory of a training step.

    Parameters, buffers, gradients, the optimizer's state and `activation_bytes`. Parameters that
    the outputs do not depend on have neither gradients nor optimizer state, as in torch.

    Excludes what an operation needs while it runs (workspaces, gradients of activations), the
    allocator's fragmentation and the CUDA context: leave head-room for them. Kernels of some
    devices save other tensors than autograd says: recurrent layers, and attention with dropout on a
    CPU, are estimated wrongly (`docs/cluster.md`).
    """

    @property
    def multiply_adds(self) -> int:
        """Half of `flops`: what many papers call FLOPs."""
        return self.flops // 2

    @property
    def fixed_bytes(self) -> int:
        """The part of the peak memory that does not depend on the batch."""
        return self.peak_memory_bytes - self.activation_bytes


def profile(
    model: nn.Module,
    input_shape: Sequence[int],
    *,
    batch_size: int = 2,
    optimizer: MakeOptimizer | None = torch.optim.AdamW,
    input_dtype: torch.dtype | None = None,
) -> Cost:
    """Estimates what training a model costs.

    A copy of the model runs once on the meta device, in train mode; the model stays unchanged.

    Args:
        model: Any module whose `forward` takes one tensor, on any device.
        input_shape: The shape of one input, without the batch.
        batch_size: Inputs per batch; at least 1, with batch norm 2.
        optimizer: Makes the optimizer from the parameters; its state is measured after one step
            on the meta device. None for no optimizer.
        input_dtype: The inputs' type; None for that of the model's first floating-point parameter.

    Raises:
        ValueError: An argument breaks a rule, or the model cannot run on the meta device: its
            shapes do not match, its `forward` depends on values, or it has lazy layers that have
            not seen an input.

    Example:
        >>> profile(nn.Linear(10, 5), (10,), batch_size=4).params
        55
    """
    shape = _checked_shape(input_shape, batch_size, optimizer)
    model = _copy_to_meta(model).train()
    parameters = list(model.parameters())
    if input_dtype is None:
        dtypes = (tensor.dtype for tensor in parameters if tensor.is_floating_point())
        input_dtype = next(dtypes, torch.float32)
    inputs = torch.empty(batch_size, *shape, dtype=input_dtype, device="meta")
    run = run_forward(model, inputs)
    # Memory, part by part
    fixed = distinct_storages([*parameters, *model.buffers()])
    activations = sum(storage.nbytes() for key, storage in run.storages.items() if key not in fixed)
    gradients = sum(tensor_bytes(parameter) for parameter in run.trained)
    state = optimizer_bytes(optimizer, run.trained) if optimizer is not None else 0
    weights = sum(storage.nbytes() for storage in fixed.values())
    return Cost(
        params=sum(parameter.numel() for parameter in parameters),
        flops=run.flops // batch_size,
        activation_bytes=activations,
        peak_memory_bytes=weights + gradients + state + activations,
    )


@dataclass(frozen=True)
class CostFunction:
    """A searcher's `costs`: maps a trial's config to its `Cost`; made by `cost_function`.

    Example:
        >>> from ray_nas.spaces import MLPSpace
        >>> costs = CostFunction(MLPSpace(inputs=8, outputs=2, max_layers=2), (8,))
        >>> config = costs.space.sample(random_state=0)
        >>> costs(config)["params"] == costs.profile(config).params
        True
    """

    space: SearchSpace
    input_shape: tuple[int, ...]
    batch_size: int = 2
    optimizer: MakeOptimizer | None = torch.optim.AdamW
    key: str | None = None
    input_dtype: torch.dtype | None = None

    def profile(self, config: Mapping[str, Any]) -> Cost:
        """The cost of a trial's config; its network is built on the meta device.

        Raises:
            ValueError: The config has no architecture under the key, or its network cannot be
                profiled.
        """
        if self.key is not None and not isinstance(config.get(self.key), Mapping):
            raise ValueError(
                "key must be the config entry that holds the architecture, got "
                f"{self.key!r} for a config with {sorted(config)}"
            )
        with torch.device("meta"):
            model = self.space.build(config if self.key is None else config[self.key])
        return profile(
            model,
            self.input_shape,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            input_dtype=self.input_dtype,
        )

    def __call__(self, config: Mapping[str, Any]) -> dict[str, float]:
        """The cost as metrics, for a searcher's `constraints`: `{"params": (None, 1e6)}`."""
        return asdict(self.profile(config))


def cost_function(
    space: SearchSpace,
    input_shape: Sequence[int] | None = None,
    *,
    batch_size: int = 2,
    optimizer: MakeOptimizer | None = torch.optim.AdamW,
    key: str | None = None,
) -> CostFunction:
    """Makes the `costs` of a searcher.

    Args:
        space: The space whose `build` makes the networks.
        input_shape: The shape of one input, without the batch; None for the space's own.
        batch_size: Inputs per batch.
        optimizer: As in `profile`.
        key: The entry of a trial's config that holds the architecture, e.g. "arch" for
            `param_space={"arch": space}`; None if the config is the architecture.

    Raises:
        ValueError: There is no input shape, neither here nor in the space, or an argument breaks a
            rule.

    Example:
        >>> from ray_nas.searchers import RegularizedEvolution
        >>> from ray_nas.spaces import NASBench201
        >>> costs = cost_function(NASBench201(), (3, 32, 32))
        >>> limits = {"params": (None, 1e6)}
        >>> searcher = RegularizedEvolution(NASBench201(), costs=costs, constraints=limits)
    """
    shape = getattr(space, "input_shape", None) if input_shape is None else input_shape
    if shape is None:
        raise ValueError(f"input_shape must be given: {space!r} has none")
    shape = _checked_shape(shape, batch_size, optimizer)
    input_dtype = getattr(space, "input_dtype", None)
    return CostFunction(space, shape, batch_size, optimizer, key, input_dtype)


def _checked_shape(
    input_shape: Any, batch_size: int, optimizer: MakeOptimizer | None
) -> tuple[int, ...]:
    """Checks all three arguments; returns the shape."""
    if not isinstance(input_shape, Iterable):
        raise ValueError(
            "input_shape must be the sizes of one input without the batch, e.g. (3, 32, 32), got "
            f"{input_shape!r}"
        )
    shape = tuple(input_shape)
    for size in shape:
        check_int(f"each size of input_shape = {shape}", size, low=1)
    check_int("batch_size", batch_size, low=1)
    if optimizer is not None:
        make_optimizer(optimizer, nn.Parameter(torch.empty(1, 1, device="meta")))
    return shape


def _copy_to_meta(model: nn.Module) -> nn.Module:
    """A copy whose tensors have shapes but no memory; shared tensors stay shared."""
    named = (*model.named_parameters(), *model.named_buffers())
    lazy = [name for name, tensor in named if is_lazy(tensor)]
    if lazy:
        raise ValueError(
            f"model ({type(model).__name__}) must have the shapes of all its parameters, got lazy "
            f"ones, {', '.join(lazy)}: run it once on an input first (for a space, where it makes "
            "the model), or use layers that are not lazy"
        )
    memo: dict[int, Any] = {}
    for module in model.modules():
        for value in (
            *module._parameters.values(),
            *module._buffers.values(),
            *vars(module).values(),
        ):
            if isinstance(value, torch.Tensor) and id(value) not in memo:
                memo[id(value)] = _meta_tensor(value)
    return copy.deepcopy(model, memo)


def _meta_tensor(tensor: torch.Tensor) -> torch.Tensor:
    bare = tensor.detach().to("meta")
    return nn.Parameter(bare, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else bare
