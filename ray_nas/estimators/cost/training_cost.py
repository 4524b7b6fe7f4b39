"""What a network costs to train, on torch's meta device: parameters, FLOPs, memory. Nothing is
allocated or computed.

Saved activations are counted as PyTorch's autograd keeps them
(`torch.autograd.graph.saved_tensors_hooks`), FLOPs with the formulas of `torch.utils.flop_counter`.
The parts of attention that torch computes in one fused kernel are kept as that kernel keeps them,
which on the meta device torch itself would not choose.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from weakref import WeakSet

import torch
from torch import nn
from torch.nn import functional
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import (
    TorchDispatchMode,
)  # where torch documents it, and where its own flop counter has it from
from torch.utils._pytree import tree_leaves
from torch.utils.checkpoint import CheckpointFunction
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

from ray_nas.checks import check_int
from ray_nas.spaces.core.search_space import SearchSpace

MakeOptimizer = Callable[[Sequence[nn.Parameter]], torch.optim.Optimizer]
"""An optimizer's class, or e.g. `partial(torch.optim.SGD, momentum=0.9)`."""


@dataclass(frozen=True)
class Cost:
    """What one network costs."""

    params: int
    """Elements of all parameters; a shared one counts once."""
    flops: int
    """Of the forward pass for one input: 2 x the multiply-adds of convolutions, linear layers,
    matrix products and attention.

    As in `torch.utils.flop_counter`, nothing is counted for biases, pooling, normalisation,
    activations and sums. """
    activation_bytes: int
    """What stays in memory between the forward and the backward pass of one batch: its inputs,
    saved tensors and outputs.

    What parts saved that no output depends on is gone by then.
    """
    peak_memory_bytes: int
    """Of a training step: parameters, buffers, gradients, the optimizer's state and
    `activation_bytes`.

    Parameters that the outputs do not depend on have neither gradients nor a state, as in torch.
    Not in it: what an operation needs while it runs (workspaces, the gradients of activations on
    their way), the allocator's fragments and a CUDA context. Leave head-room for them. Nor is what
    a device's own kernels keep in place of the saved tensors: recurrent layers and, on a CPU,
    attention with dropout are estimated wrongly (`docs/cluster.md`). """

    @property
    def multiply_adds(self) -> int:
        """Half of `flops`: what many papers call FLOPs."""
        return self.flops // 2

    @property
    def fixed_bytes(self) -> int:
        """The part of the peak that does not depend on the batch."""
        return self.peak_memory_bytes - self.activation_bytes


def profile(
    model: nn.Module,
    input_shape: Sequence[int],
    *,
    batch_size: int = 2,
    optimizer: MakeOptimizer | None = torch.optim.AdamW,
    input_dtype: torch.dtype | None = None,
) -> Cost:
    """Estimates what training `model` costs. The model is left as it is; a copy on the meta device
    runs once, in train mode.

    Args:
        model: Any module whose `forward` takes one tensor, on any device.
        input_shape: The shape of one input, without the batch.
        batch_size: Inputs in a batch; at least 1, with batch norm 2.
        optimizer: What makes the optimizer from the parameters; its state is what one step on the
            meta device leaves. None for no optimizer.
        input_dtype: The inputs' type; None for that of the model's first floating-point parameter.

    Raises:
        ValueError: An argument breaks a rule, or the model cannot run on the meta device (its
            shapes do not fit, its `forward` depends on values, or it has lazy layers that have not
            yet seen an input).
    """
    shape = _checked(input_shape, batch_size, optimizer)
    model = _on_meta(model).train()
    parameters = list(model.parameters())
    if input_dtype is None:
        input_dtype = next(
            (parameter.dtype for parameter in parameters if parameter.is_floating_point()),
            torch.float32,
        )
    inputs = torch.empty(batch_size, *shape, dtype=input_dtype, device="meta")
    flops, held, trained = _forward(model, inputs)
    fixed = _distinct([*parameters, *model.buffers()])
    activations = sum(storage.nbytes() for key, storage in held.items() if key not in fixed)
    gradients = sum(_bytes(parameter) for parameter in trained)
    state = _optimizer_bytes(optimizer, trained) if optimizer is not None else 0
    peak = sum(storage.nbytes() for storage in fixed.values()) + gradients + state + activations
    return Cost(
        sum(parameter.numel() for parameter in parameters), flops // batch_size, activations, peak
    )


@dataclass(frozen=True)
class CostFunction:
    """What searchers take as `costs`: a trial's config to the figures of `Cost`, by name. Made
    by `cost_function`.
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
            ValueError: The config has no architecture at the key, or its network cannot be
                profiled.
        """
        if self.key is not None and not isinstance(config.get(self.key), Mapping):
            raise ValueError(
                f"key must be where a trial's config has the architecture, got {self.key!r} for one of {sorted(config)}"
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
        """The figures, ready for a searcher's `constraints`, e.g. `{"params": (None, 1e6)}`."""
        return asdict(self.profile(config))


def cost_function(
    space: SearchSpace,
    input_shape: Sequence[int] | None = None,
    *,
    batch_size: int = 2,
    optimizer: MakeOptimizer | None = torch.optim.AdamW,
    key: str | None = None,
) -> CostFunction:
    """The `costs` of a searcher: `RegularizedEvolution(space, costs=cost_function(space, (3, 32,
    32)), constraints=...)`.

    Args:
        space: The space whose `build` makes the networks.
        input_shape: The shape of one input, without the batch; None for the space's own.
        batch_size: Inputs in a batch.
        optimizer: As in `profile`.
        key: Where a trial's config holds the architecture, e.g. "arch" for `param_space={"arch":
            space}`; None if at its top.

    Raises:
        ValueError: Neither given nor known to the space is an input shape, or an argument breaks a
            rule.
    """
    shape = getattr(space, "input_shape", None) if input_shape is None else input_shape
    if shape is None:
        raise ValueError(f"input_shape must be given: {space!r} does not know it")
    shape = _checked(shape, batch_size, optimizer)
    return CostFunction(
        space, shape, batch_size, optimizer, key, getattr(space, "input_dtype", None)
    )


def _checked(input_shape: Any, batch_size: int, optimizer: MakeOptimizer | None) -> tuple[int, ...]:
    """The shape, once all three are known to be of use."""
    if not isinstance(input_shape, Iterable):
        raise ValueError(
            f"input_shape must be the sizes of one input without the batch, e.g. (3, 32, 32), got {input_shape!r}"
        )
    shape = tuple(input_shape)
    for size in shape:
        check_int(f"each size of input_shape = {shape}", size, low=1)
    check_int("batch_size", batch_size, low=1)
    if optimizer is not None:
        _made(optimizer, nn.Parameter(torch.empty(1, 1, device="meta")))
    return shape


def _on_meta(model: nn.Module) -> nn.Module:
    """A copy whose tensors have shapes and no memory. Shared tensors stay shared."""
    memo: dict[int, Any] = {}
    lazy = [
        name
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
        if is_lazy(tensor)
    ]
    if lazy:
        raise ValueError(
            f"model ({type(model).__name__}) must have the shapes of all its parameters, got lazy ones, {', '.join(lazy)}: "
            "run it once on an input first (for a space, where it makes the model), or use layers that are not lazy"
        )
    for module in model.modules():
        for tensor in (
            *module._parameters.values(),
            *module._buffers.values(),
            *vars(module).values(),
        ):
            if isinstance(tensor, torch.Tensor) and id(tensor) not in memo:
                bare = tensor.detach().to("meta")
                memo[id(tensor)] = (
                    nn.Parameter(bare, tensor.requires_grad)
                    if isinstance(tensor, nn.Parameter)
                    else bare
                )
    return copy.deepcopy(model, memo)


class _Flops(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own has no annotations
    """Sums torch's own formulas over the operations that run; a fraction of the time of
    `FlopCounterMode`, which also keeps a tree.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        formula = _FORMULAS.get(func._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=result)
        return result


@contextmanager
def _fused_attention() -> Iterator[None]:
    """Attention as one kernel that keeps queries, keys, values, mask, output and one figure a row,
    not the matrix of weights.

    The name is exchanged, since a torch function mode does not see what `nn.MultiheadAttention`
    calls. The mode sees who has imported the function itself.
    """
    functional.scaled_dot_product_attention = _attention
    try:
        with _FusedAttention():
            yield
    finally:
        functional.scaled_dot_product_attention = scaled_dot_product_attention


class _FusedAttention(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return (_attention if func is scaled_dot_product_attention else func)(
            *args, **(kwargs or {})
        )


def _attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    plain = query.dim() == 4 and query.shape[-1] == value.shape[-1] and not enable_gqa
    if not (plain and query.is_meta) or (attn_mask is not None and attn_mask.requires_grad):
        return scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    if attn_mask is not None:
        attn_mask = torch.empty_like(
            attn_mask, dtype=query.dtype
        )  # torch makes numbers of a boolean mask
    fused = (
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    )  # the one that needs no GPU's rules for alignment
    return fused(query, key, value, 0.0, is_causal, attn_mask=attn_mask, scale=scale)[0]  # type: ignore[no-any-return]


def _fused_flops(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *args: Any, **kwargs: Any
) -> int:
    return int(sdpa_flop_count(query.shape, key.shape, value.shape))  # type: ignore[no-untyped-call]


_FORMULAS: Mapping[Any, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _fused_flops,
    **flop_registry,
}


class _Saved:
    """What a node of autograd's graph has saved; it goes with the node."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.storage = (
            tensor.untyped_storage()
        )  # not the tensor: a graph that held one of its own would never be freed


def _forward(
    model: nn.Module, inputs: torch.Tensor
) -> tuple[int, dict[int, torch.UntypedStorage], list[nn.Parameter]]:
    """FLOPs of a forward pass, the storages that it leaves in memory, and the parameters that
    its outputs depend on.
    """
    alive = WeakSet[_Saved]()

    def save(tensor: torch.Tensor) -> _Saved:
        saved = _Saved(tensor)
        alive.add(saved)
        return saved

    counter = _Flops()
    try:
        hooks = torch.autograd.graph.saved_tensors_hooks(save, _no_backward)
        with torch.enable_grad(), torch.device("meta"), _fused_attention(), hooks, counter:
            outputs = [
                output for output in tree_leaves(model(inputs)) if isinstance(output, torch.Tensor)
            ]
    except (
        ArithmeticError,
        IndexError,
        NotImplementedError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise ValueError(
            f"model ({type(model).__name__}) cannot be profiled on the meta device with inputs of shape {tuple(inputs.shape)}: {error}"
        ) from error
    if not outputs:
        raise ValueError(
            f"model ({type(model).__name__}) must return tensors, alone or in tuples, lists and dicts, for its graph to be seen"
        )
    held = {saved.storage._cdata: saved.storage for saved in alive} | _distinct(
        [inputs, *outputs]
    )  # views share a storage
    return counter.total, held, _reached(outputs, list(model.parameters()))


def _no_backward(saved: _Saved) -> torch.Tensor:
    raise RuntimeError("its forward pass asks for a gradient, for which there are no values")


def _reached(
    outputs: Sequence[torch.Tensor], parameters: Sequence[nn.Parameter]
) -> list[nn.Parameter]:
    """The parameters at the ends of the graph that autograd would follow back from the outputs.

    A reentrant checkpoint has a graph of its own only while its backward pass runs: where there is
        one, all that can have
    gradients are taken for reached.
    """
    nodes: list[Any] = [output.grad_fn for output in outputs if output.grad_fn is not None]
    seen, found = set(nodes), dict[int, nn.Parameter]()
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


def _made(optimizer: MakeOptimizer, parameter: nn.Parameter) -> torch.optim.Optimizer:
    rule = "optimizer must be None or make a torch.optim.Optimizer from parameters, as a class or a partial of one does"
    if not callable(optimizer):
        raise ValueError(f"{rule}, got {optimizer!r}")
    try:
        made = optimizer([parameter])
    except TypeError as error:
        raise ValueError(f"{rule}, got {optimizer!r}: {error}") from error
    if not isinstance(made, torch.optim.Optimizer):
        raise ValueError(f"{rule}, got {optimizer!r}, which makes {made!r}")
    return made


def _optimizer_bytes(optimizer: MakeOptimizer, parameters: Sequence[nn.Parameter]) -> int:
    """The bytes of the optimizer's state after a step. It is taken once for all parameters of
    one shape and type.
    """
    counts: dict[tuple[torch.Size, torch.dtype], int] = {}
    for parameter in parameters:
        counts[parameter.shape, parameter.dtype] = (
            counts.get((parameter.shape, parameter.dtype), 0) + 1
        )
    total = 0
    for (shape, dtype), count in counts.items():
        one = nn.Parameter(torch.empty(shape, dtype=dtype, device="meta"))
        one.grad = torch.empty_like(one)
        made = _made(optimizer, one)
        try:
            made.step()
        except RuntimeError as error:
            raise ValueError(
                f"optimizer ({type(made).__name__}) must be one whose step reads no values: {error}"
            ) from error
        total += count * sum(
            _bytes(value) for value in made.state[one].values() if isinstance(value, torch.Tensor)
        )
    return total


def _distinct(tensors: Sequence[torch.Tensor]) -> dict[int, torch.UntypedStorage]:
    storages = [tensor.untyped_storage() for tensor in tensors]
    return {storage._cdata: storage for storage in storages}


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
