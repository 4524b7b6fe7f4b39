"""The constructor call of a layer of `torch.nn`.

A layer's `repr` is not enough: `nn.AvgPool2d` leaves `count_include_pad` out of it. So arguments
come from the constructor's signature and the attributes of the same names, and the call counts only
if the layer that it makes has the same tensors and the same attributes.
"""

import inspect
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import torch
from torch import nn

_WIDTH: Final = 96
_INDENT: Final = "    "
_RECURRENT: Final = (
    *("input_size", "hidden_size", "num_layers", "nonlinearity", "bias", "batch_first", "dropout"),
    *("bidirectional", "proj_size"),
)
"""Arguments of recurrent layers, whose signatures do not name them."""

Argument: TypeAlias = "tuple[str, str | Call]"
"""Its keyword with "=", or "" if it is positional; and its code."""


class _NoLiteralError(ValueError):
    """A value that has no literal in Python."""


@dataclass(frozen=True)
class Call:
    """A constructor call as code.

    Example:
        >>> Call("nn.Linear", (("", "4"), ("bias=", "False"))).source()
        'nn.Linear(4, bias=False)'
    """

    function: str
    """What is called; empty for a list or a dict."""
    arguments: tuple[Argument, ...] = ()
    brackets: tuple[str, str] = ("(", ")")
    """What encloses the arguments."""

    def source(self, indent: int = 0) -> str:
        """The code: on one line if it fits or holds no other call, else one argument a line.

        Args:
            indent: Levels by which lines after the first are indented.
        """
        flat = self._on_one_line()
        holds_calls = any(isinstance(value, Call) for _, value in self.arguments)
        if not holds_calls or len(flat) + len(_INDENT) * indent <= _WIDTH:
            return flat
        inner = _INDENT * (indent + 1)
        lines = [
            f"{inner}{key}{value.source(indent + 1) if isinstance(value, Call) else value},\n"
            for key, value in self.arguments
        ]
        opening, closing = self.brackets
        return f"{self.function}{opening}\n{''.join(lines)}{_INDENT * indent}{closing}"

    def _on_one_line(self) -> str:
        arguments = ", ".join(
            key + (value._on_one_line() if isinstance(value, Call) else value)
            for key, value in self.arguments
        )
        opening, closing = self.brackets
        return f"{self.function}{opening}{arguments}{closing}"


def layer_call(layer: nn.Module) -> Call | None:
    """The call that makes a layer; None if it is not of `torch.nn`, or no such call was found.

    Layers with hooks have none: a new layer would not have the hooks.

    Example:
        >>> layer_call(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())).source()
        'nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())'
    """
    kind = type(layer)
    has_hooks = layer._forward_hooks or layer._forward_pre_hooks
    if getattr(nn, kind.__name__, None) is not kind or has_hooks or "forward" in vars(layer):
        return None
    if kind is nn.Sequential:
        return _sequence_call(layer)
    if layer._modules and not isinstance(layer, nn.MultiheadAttention):
        return None
    for shortens in (True, False):
        try:
            positional, keywords = _arguments(layer, shortens)
        except _NoLiteralError:
            return None
        if _makes(layer, positional, keywords):
            return _call(kind, positional, keywords)
    return None


def _sequence_call(layer: nn.Module) -> Call | None:
    calls = [layer_call(child) for child in layer.children()]
    is_numbered = list(layer._modules) == [str(index) for index in range(len(calls))]
    if not is_numbered or None in calls:
        return None
    return Call("nn.Sequential", tuple(("", call) for call in calls if call is not None))


def _arguments(layer: nn.Module, shortens: bool) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments that make the layer, without those at their defaults."""
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    for name, default in _parameters(layer):
        if not hasattr(layer, name) and name != "bias":
            continue
        value = _plain(_attribute(layer, name), shortens)
        if default is inspect.Parameter.empty:
            positional.append(value)
        elif value != default or type(value) is not type(default):
            keywords[name] = value
    dtypes = {tensor.dtype for tensor in layer.parameters() if tensor.is_floating_point()}
    if dtypes and dtypes != {torch.float32}:
        keywords["dtype"] = dtypes.pop()
    return positional, keywords


def _parameters(layer: nn.Module) -> Iterable[tuple[str, Any]]:
    """The constructor's parameters and their defaults."""
    if isinstance(layer, nn.RNNBase):
        for name in _RECURRENT:
            is_required = name in ("input_size", "hidden_size")
            yield name, inspect.Parameter.empty if is_required else _recurrent_default(name)
        return
    for name, parameter in inspect.signature(type(layer)).parameters.items():
        variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if not variable and name not in ("device", "dtype"):
            yield name, parameter.default


def _recurrent_default(name: str) -> Any:
    made = nn.RNN(1, 1)
    return "tanh" if name == "nonlinearity" else getattr(made, name)


def _attribute(layer: nn.Module, name: str) -> Any:
    if name != "bias":
        return getattr(layer, name)
    if isinstance(layer, nn.MultiheadAttention):
        return layer.in_proj_bias is not None
    bias = getattr(layer, "bias", None)
    return bias if isinstance(bias, bool) else bias is not None


def _plain(value: Any, shortens: bool) -> Any:
    """The value with plain types only; `(3, 3)` as `3` if `shortens`.

    Raises:
        _NoLiteralError: It holds something that has no literal.
    """
    if isinstance(value, tuple | list):
        items = [_plain(item, shortens) for item in value]
        if shortens and items and all(item == items[0] for item in items):
            return items[0]
        return tuple(items)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise _NoLiteralError(repr(value))


def _makes(layer: nn.Module, positional: list[Any], keywords: dict[str, Any]) -> bool:
    """Whether the arguments make a layer of the same tensors and attributes."""
    try:
        with torch.device("meta"):
            made = type(layer)(*positional, **keywords)
    except (TypeError, ValueError, RuntimeError, AssertionError):
        return False
    return _shapes(made) == _shapes(layer) and all(
        _equal(value, vars(layer).get(name))
        for name, value in vars(made).items()
        if not name.startswith("_") and name != "training"
    )


def _shapes(layer: nn.Module) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in layer.state_dict().items()}


def _equal(one: Any, other: Any) -> bool:
    if one is other:
        return True
    same = type(one) is type(other) and not isinstance(one, torch.Tensor)
    return bool(same and (one == other or (one != one and other != other)))


def _call(kind: type[nn.Module], positional: list[Any], keywords: dict[str, Any]) -> Call:
    arguments: list[Argument] = [("", literal(value)) for value in positional]
    arguments += [(f"{name}=", literal(value)) for name, value in keywords.items()]
    return Call(f"nn.{kind.__name__}", tuple(arguments))


def literal(value: Any) -> str:
    """A plain value as Python code.

    Example:
        >>> literal((1, float("inf")))
        "(1, float('inf'))"
    """
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' * (len(value) == 1)})"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)
