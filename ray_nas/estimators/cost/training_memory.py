"""The memory of a training step: what the forward pass saves, and what the optimizer keeps.

Saved activations are counted as PyTorch's autograd keeps them
(`torch.autograd.graph.saved_tensors_hooks`). Everything runs on the meta device: nothing is
allocated or computed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

import torch
from torch import nn
from torch.utils._pytree import tree_leaves
from torch.utils.checkpoint import CheckpointFunction

from ray_nas.estimators.cost.fused_attention import fused_attention
from ray_nas.estimators.cost.operation_count import FlopCounter

MakeOptimizer = Callable[[Sequence[nn.Parameter]], torch.optim.Optimizer]
"""An optimizer's class, or e.g. `partial(torch.optim.SGD, momentum=0.9)`."""

_FORWARD_ERRORS = (
    ArithmeticError,
    IndexError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class ForwardPass:
    """What one forward pass costs and leaves in memory."""

    flops: int
    """Of the whole batch."""
    storages: dict[int, torch.UntypedStorage]
    """Inputs, outputs and saved tensors by storage; views share one."""
    trained: list[nn.Parameter]
    """The parameters that the outputs depend on."""


class _Saved:
    """What a node of autograd's graph has saved; freed with the node."""

    def __init__(self, tensor: torch.Tensor) -> None:
        # Not the tensor: a graph that held one of its own tensors would never be freed.
        self.storage = tensor.untyped_storage()


def run_forward(model: nn.Module, inputs: torch.Tensor) -> ForwardPass:
    """Runs the forward pass of a model on the meta device.

    Raises:
        ValueError: The model fails on the meta device, or returns no tensors.
    """
    alive = WeakSet[_Saved]()

    def save(tensor: torch.Tensor) -> _Saved:
        saved = _Saved(tensor)
        alive.add(saved)
        return saved

    counter = FlopCounter()
    hooks = torch.autograd.graph.saved_tensors_hooks(save, _refuse_backward)
    try:
        with torch.enable_grad(), torch.device("meta"), fused_attention(), hooks, counter:
            leaves = tree_leaves(model(inputs))
            outputs = [output for output in leaves if isinstance(output, torch.Tensor)]
            del leaves
    except _FORWARD_ERRORS as error:
        raise ValueError(
            f"model ({type(model).__name__}) cannot be profiled on the meta device with inputs of "
            f"shape {tuple(inputs.shape)}: {error}"
        ) from error
    if not outputs:
        raise ValueError(
            f"model ({type(model).__name__}) must return tensors, alone or in tuples, lists and "
            "dicts, so that its graph can be followed"
        )
    storages = {saved.storage._cdata: saved.storage for saved in alive}
    storages |= distinct_storages([inputs, *outputs])
    return ForwardPass(counter.total, storages, _reached(outputs, list(model.parameters())))


def _refuse_backward(saved: _Saved) -> torch.Tensor:
    raise RuntimeError("its forward pass computes a gradient, which needs values")


def _reached(
    outputs: Sequence[torch.Tensor], parameters: Sequence[nn.Parameter]
) -> list[nn.Parameter]:
    """The parameters at the ends of the graph that autograd would follow back from the outputs.

    A reentrant checkpoint has its graph only while its backward pass runs: where there is one, all
    parameters that require gradients count as reached.
    """
    nodes: list[Any] = [output.grad_fn for output in outputs if output.grad_fn is not None]
    seen = set(nodes)
    found: dict[int, nn.Parameter] = {}
    while nodes:
        node = nodes.pop()
        if hasattr(node, "variable"):
            found[id(node.variable)] = node.variable
        elif getattr(node, "_forward_cls", None) is CheckpointFunction:
            found |= {
                id(parameter): parameter for parameter in parameters if parameter.requires_grad
            }
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                nodes.append(following)
    return list(found.values())


def make_optimizer(optimizer: MakeOptimizer, parameter: nn.Parameter) -> torch.optim.Optimizer:
    """Makes the optimizer of one parameter.

    Raises:
        ValueError: `optimizer` does not make an optimizer from parameters.
    """
    rule = (
        "optimizer must be None or make a torch.optim.Optimizer from parameters, as a class or a "
        "partial of one does"
    )
    if not callable(optimizer):
        raise ValueError(f"{rule}, got {optimizer!r}")
    try:
        made = optimizer([parameter])
    except TypeError as error:
        raise ValueError(f"{rule}, got {optimizer!r}: {error}") from error
    if not isinstance(made, torch.optim.Optimizer):
        raise ValueError(f"{rule}, got {optimizer!r}, which makes {made!r}")
    return made


def optimizer_bytes(optimizer: MakeOptimizer, parameters: Sequence[nn.Parameter]) -> int:
    """The bytes of the optimizer's state after one step.

    The step runs once for all parameters of one shape and type.

    Raises:
        ValueError: The optimizer's step reads values, which the meta device does not have.
    """
    counts: dict[tuple[torch.Size, torch.dtype], int] = {}
    for parameter in parameters:
        kind = (parameter.shape, parameter.dtype)
        counts[kind] = counts.get(kind, 0) + 1
    return sum(
        count * _state_bytes(optimizer, shape, dtype) for (shape, dtype), count in counts.items()
    )


def _state_bytes(optimizer: MakeOptimizer, shape: torch.Size, dtype: torch.dtype) -> int:
    """The bytes that one parameter adds to the optimizer's state."""
    parameter = nn.Parameter(torch.empty(shape, dtype=dtype, device="meta"))
    parameter.grad = torch.empty_like(parameter)
    made = make_optimizer(optimizer, parameter)
    try:
        made.step()
    except RuntimeError as error:
        raise ValueError(
            f"optimizer ({type(made).__name__}) must be one whose step reads no values: {error}"
        ) from error
    state = made.state[parameter].values()
    return sum(tensor_bytes(value) for value in state if isinstance(value, torch.Tensor))


def distinct_storages(tensors: Sequence[torch.Tensor]) -> dict[int, torch.UntypedStorage]:
    """The storages of tensors by their identity; views share one."""
    storages = [tensor.untyped_storage() for tensor in tensors]
    return {storage._cdata: storage for storage in storages}


def tensor_bytes(tensor: torch.Tensor) -> int:
    """The bytes of a tensor's elements."""
    return tensor.numel() * tensor.element_size()
