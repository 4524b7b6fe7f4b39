"""Choices of layers, inputs, depths and values: they turn an `nn.Module` into a search space.

The network's own `__init__` says what may vary. `ModelSpace` runs it once to find the choices, and
once for each network that it builds; each choice then yields what the config chose. This needs no
tracing, no code generation and no copies of torch's layers. `choice_context.py` decides what a
choice yields.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any, TypeVar, cast, overload

import torch
from torch import nn

from ray_nas.spaces.core.parameters import Value
from ray_nas.spaces.model.choice_context import context_of

T = TypeVar("T")
Alternative = nn.Module | Callable[[], nn.Module]
"""A layer, or a callable that makes one.

Only callables can hold choices that are active just when they are chosen.
"""


class LayerChoice(nn.Module):
    """One layer out of several; a built network holds only the chosen one.

    Args:
        label: The parameter's name; the same label used again is the same choice.
        alternatives: Layers by name, or a sequence of layers (then the index is the name). A layer
            is a module, or a callable without arguments that makes one: callables keep `build`
            cheap, and choices inside them are active only while they are chosen.

    Raises:
        ValueError: There are no alternatives, or the label already means another choice.

    Example:
        >>> from torch import nn
        >>> from ray_nas.spaces import ModelSpace
        >>> class Net(nn.Sequential):
        ...     def __init__(self):
        ...         layers = {"conv": lambda: nn.Conv2d(3, 3, 1), "skip": nn.Identity}
        ...         super().__init__(LayerChoice("layer", layers))
        >>> print(ModelSpace(Net).build({"layer": "conv"}))
        Net(
          (0): LayerChoice(
            (conv): Conv2d(3, 3, kernel_size=(1, 1), stride=(1, 1))
          )
        )
    """

    def __init__(
        self, label: str, alternatives: Mapping[str, Alternative] | Sequence[Alternative]
    ) -> None:
        super().__init__()
        context, label = context_of("LayerChoice", label)
        self.label = label
        """The choice's name, with its prefixes."""
        named = _named_alternatives(label, alternatives)
        context.choose(label, "LayerChoice", list(named), ordered=False)
        layers = {}
        for name in context.values_to_make(label, list(named)):
            with context.inside(label, (name,)):
                layers[_attribute(name)] = _make_layer(label, name, named[name])
        self.chosen = next(iter(layers))
        """The attribute that holds the layer that runs."""
        if not context.keeps_all:
            layers = {self.chosen: layers[self.chosen]}
        for attribute, layer in layers.items():
            self.add_module(attribute, layer)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the chosen layer on the arguments."""
        return getattr(self, self.chosen)(*args, **kwargs)


class InputChoice(nn.Module):
    """One or several of a layer's inputs, joined; call it with the list of candidate tensors.

    Args:
        label: The parameter's name.
        inputs: The names of the candidates, or how many there are.
        chosen: How many of them are chosen; None for any number from 1.
        reduction: How several are joined: "sum", "mean" or "concat" (along dimension 1).
        make: Makes a layer for candidate `i`, which the candidate passes through first. Choices
            inside it are active only while the candidate is chosen. None joins the candidates
            unchanged.

    Raises:
        ValueError: There are no inputs, `chosen` is outside of 1 to their number, or the reduction
            is unknown.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from ray_nas.spaces import ModelSpace
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.join = InputChoice("join", ["raw", "doubled"], chosen=None)
        ...     def forward(self, x):
        ...         return self.join([x, 2 * x])
        >>> ModelSpace(Net).build({"join": "raw+doubled"})(torch.ones(2))
        tensor([3., 3.])
    """

    def __init__(
        self,
        label: str,
        inputs: int | Sequence[str],
        chosen: int | None = 1,
        reduction: str = "sum",
        make: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        context, label = context_of("InputChoice", label)
        self.label = label
        """The choice's name, with its prefixes."""
        self.names = list(map(str, range(inputs))) if isinstance(inputs, int) else list(inputs)
        _check_input_choice(label, self.names, chosen, reduction)
        self.reduction = reduction
        self.options = _subsets(self.names, chosen)
        """The indices of the candidates in each value of the parameter."""
        values: list[Value] = list(self.options)
        value = context.choose(label, "InputChoice", values, ordered=False)
        self.chosen_indices = self.options[str(value)]
        """The indices of the chosen candidates."""
        self.layers = nn.ModuleDict() if make is not None else None
        if make is None or self.layers is None:
            return
        made = [self.options[str(name)] for name in context.values_to_make(label, values)]
        for index in sorted(set().union(*made)):
            using = tuple(name for name, subset in self.options.items() if index in subset)
            with context.inside(label, using):
                self.layers[str(index)] = make(index)

    def forward(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """Joins the chosen tensors.

        Args:
            inputs: One tensor for each candidate.
        """
        if len(inputs) != len(self.names):
            raise ValueError(
                f"InputChoice of {self.names} needs {len(self.names)} tensors, got {len(inputs)}"
            )
        tensors = [
            inputs[index] if self.layers is None else self.layers[str(index)](inputs[index])
            for index in self.chosen_indices
        ]
        if len(tensors) == 1:
            return tensors[0]
        if self.reduction == "concat":
            return torch.cat(tensors, dim=1)
        total = torch.stack(tensors).sum(0)
        return total / len(tensors) if self.reduction == "mean" else total


class Repeat(nn.Sequential):
    """A variable number of blocks in sequence.

    Choices in block `i` are active only while the depth exceeds `i`.

    Args:
        label: The name of the depth parameter. There is no parameter if `low == high`.
        low: Fewest blocks, at least 0.
        high: Most blocks, at least 1.
        make: Makes block `i` (from 0).

    Raises:
        ValueError: Unless `0 <= low <= high` and `high >= 1`.

    Example:
        >>> from torch import nn
        >>> from ray_nas.spaces import ModelSpace
        >>> class Net(nn.Sequential):
        ...     def __init__(self):
        ...         super().__init__(Repeat("depth", 1, 3, lambda i: nn.Linear(4, 4)))
        >>> len(ModelSpace(Net).build({"depth": 2})[0])
        2
    """

    def __init__(self, label: str, low: int, high: int, make: Callable[[int], nn.Module]) -> None:
        context, label = context_of("Repeat", label)
        if not 0 <= low <= high or high == 0:
            raise ValueError(
                f"Repeat {label!r}: the depth must satisfy 0 <= low <= high and high >= 1, "
                f"got low={low}, high={high}"
            )
        depth = low
        if low < high:
            depths: list[Value] = list(range(low, high + 1))
            context.choose(label, "Repeat", depths, ordered=True)
            depth = max(map(int, context.values_to_make(label, depths)))
        blocks = [make(index) for index in range(low)]
        for index in range(low, depth):
            with context.inside(label, tuple(range(index + 1, high + 1))):
                blocks.append(make(index))
        super().__init__(*blocks)


@overload
def ValueChoice(label: str, values: Mapping[str, T]) -> T: ...
@overload
def ValueChoice(label: str, values: Sequence[T]) -> T: ...
def ValueChoice(label: str, values: Any) -> Any:
    """One value out of several: a width, a kernel size, a dropout rate, an activation.

    While a network is built this is the plain value, so arithmetic and torch's layers accept it.

    Args:
        label: The parameter's name; the same label used again is the same choice.
        values: Numbers (searched in ascending order), strings or booleans; anything else in a dict
            that names each value.

    Raises:
        ValueError: There are no values, a value occurs twice, or the values need names.

    Example:
        >>> from torch import nn
        >>> from ray_nas.spaces import ModelSpace
        >>> class Net(nn.Sequential):
        ...     def __init__(self):
        ...         super().__init__(nn.Linear(4, 2 * ValueChoice("half_width", [8, 16])))
        >>> ModelSpace(Net).build({"half_width": 8})[0].out_features
        16
    """
    context, label = context_of("ValueChoice", label)
    if isinstance(values, Mapping):
        named = dict(values)
    else:
        named = {value: value for value in _plain_values(label, values)}
    if not named:
        raise ValueError(f"ValueChoice {label!r}: values must hold at least one value")
    ordered = all(map(_is_number, named))
    return named[context.choose(label, "ValueChoice", list(named), ordered)]


def _named_alternatives(
    label: str, alternatives: Mapping[str, Alternative] | Sequence[Alternative]
) -> dict[Value, Alternative]:
    named: dict[Value, Alternative] = {}
    named.update(alternatives if isinstance(alternatives, Mapping) else enumerate(alternatives))
    if not named:
        raise ValueError(f"LayerChoice {label!r}: alternatives must hold at least one layer")
    for name, alternative in named.items():
        if not callable(alternative):
            raise ValueError(
                f"LayerChoice {label!r}: alternative {name!r} must be a module or a callable that "
                f"makes one, got {alternative!r}"
            )
    return named


def _make_layer(label: str, name: Value, alternative: Alternative) -> nn.Module:
    layer = alternative if isinstance(alternative, nn.Module) else alternative()
    if not isinstance(layer, nn.Module):
        raise TypeError(
            f"LayerChoice {label!r}: alternative {name!r} must make an nn.Module, got {layer!r}"
        )
    return layer


def _attribute(name: Value) -> str:
    """The alternative's attribute: its name, unless every module has that already, as "half"."""
    attribute = str(name).replace(".", "_")
    taken = hasattr(nn.Module, attribute) or attribute in ("training", "chosen", "label")
    return f"{attribute}_" if taken else attribute


def _check_input_choice(
    label: str, names: Sequence[str], chosen: int | None, reduction: str
) -> None:
    if not names:
        raise ValueError(f"InputChoice {label!r}: inputs must hold at least one input")
    if chosen is not None and not 1 <= chosen <= len(names):
        raise ValueError(
            f"InputChoice {label!r}: chosen must be in [1, {len(names)}] or None, got {chosen}"
        )
    if reduction not in ("sum", "mean", "concat"):
        raise ValueError(
            f"InputChoice {label!r}: reduction must be 'sum', 'mean' or 'concat', got {reduction!r}"
        )


def _subsets(names: Sequence[str], chosen: int | None) -> dict[str, tuple[int, ...]]:
    """The indices of each allowed subset of the inputs, by the inputs' names joined with "+"."""
    counts = range(1, len(names) + 1) if chosen is None else (chosen,)
    return {
        "+".join(names[i] for i in subset): subset
        for count in counts
        for subset in combinations(range(len(names)), count)
    }


def _plain_values(label: str, values: Sequence[Any]) -> list[Value]:
    listed = list(values)
    kinds = {"number" if _is_number(value) else type(value).__name__ for value in listed}
    if not kinds <= {"number", "str", "bool"} or len(kinds) > 1:
        raise ValueError(
            f"ValueChoice {label!r}: values must be all numbers, all strings or all booleans "
            f"(name other values in a dict), got {listed}"
        )
    if len(set(listed)) < len(listed):
        raise ValueError(f"ValueChoice {label!r}: values must differ, got {listed}")
    return cast("list[Value]", listed)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
