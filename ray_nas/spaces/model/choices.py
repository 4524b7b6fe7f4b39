"""The choices that turn an ordinary `nn.Module` into a search space: layers, inputs, depths and
values.

A network's own `__init__` says what may vary. `ModelSpace` runs it once to learn the choices (a
`Definition` is active then) and once for each network it builds (a `Selection`): under a selection
each choice simply is what was chosen, so that no tracing, no code generation and no copies of
torch's layers are needed. For a supernet it runs under `Everything`, where each choice is all of
its alternatives.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, TypeVar, overload

import torch
from torch import nn

from ray_nas.spaces.core.parameters import Value

T = TypeVar("T")
Alternative = nn.Module | Callable[[], nn.Module]
"""A layer, or a callable that makes one. Only callables can hold choices that are active just
when they are chosen.
"""
Condition = tuple[str, tuple[Value, ...]]
"""A parent choice and the values of it under which something exists."""
Forbidden = Mapping[str, Value | Sequence[Value]]
"""A combination that may not be used: each label with a value or several."""


@dataclass
class Choice:
    """One choice as the definition found it."""

    label: str
    kind: str
    values: tuple[Value, ...]
    ordered: bool
    conditions: list[Condition | None] = field(default_factory=list)
    """Where it was met; None stands for a place that always exists."""


class Definition:
    """Learns the choices of a network while its factory runs."""

    def __init__(self) -> None:
        self.choices: dict[str, Choice] = {}
        self.rules: list[Callable[[dict[str, Any]], bool]] = []
        self.forbidden: list[Forbidden] = []
        """Rules and forbidden combinations of the spaces embedded in the network."""
        self._inside: list[Condition] = []

    def declare(self, label: str, kind: str, values: Sequence[Value], ordered: bool) -> None:
        """Notes a choice, or checks that a label used again means the same choice."""
        choice = Choice(label, kind, tuple(values), ordered)
        known = self.choices.setdefault(label, choice)
        if (known.kind, known.values) != (kind, choice.values):
            raise ValueError(
                f"label {label!r} is used for two different choices: {known.kind} of {list(known.values)} and "
                f"{kind} of {list(values)}; the same label means the same choice"
            )
        place = self._inside[-1] if self._inside else None
        if place not in known.conditions:
            known.conditions.append(place)

    @contextmanager
    def inside(self, label: str, values: tuple[Value, ...]) -> Iterator[None]:
        """What is declared in this block exists only while the choice `label` has one of
        `values`.
        """
        self._inside.append((label, values))
        try:
            yield
        finally:
            self._inside.pop()


class Selection:
    """Yields what a config chose while a network is built."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config

    def __getitem__(self, label: str) -> Any:
        try:
            return self._config[label]
        except KeyError:
            raise ValueError(
                f"choice {label!r} is met with this config but not where the space was defined: a choice that exists "
                "only for some values of another belongs into a callable alternative of that one"
            ) from None


class Everything:
    """Makes all alternatives and all blocks of a space at once, with one value for each
    `ValueChoice`.

    Args:
        choices: The choices of the space, by label.
        values: The values to use; where there is none, the last (the largest number).
    """

    def __init__(self, choices: Mapping[str, Choice], values: Mapping[str, Value]) -> None:
        self._choices, self._values = choices, values

    def alternatives(self, label: str) -> tuple[Value, ...]:
        """All that the choice `label` may be."""
        return self._choices[label].values

    def __getitem__(self, label: str) -> Any:
        return self._values.get(label, self._choices[label].values[-1])


Context = Definition | Selection | Everything
_current: ContextVar[Context | None] = ContextVar("current", default=None)
_scopes: ContextVar[tuple[str, ...]] = ContextVar("scopes", default=())


@contextmanager
def active(context: Context) -> Iterator[None]:
    """Makes `context` the one that choices ask while the block runs."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Choices made in this block carry `name` and a dot before their labels, as in `stage_1.width`;
    scopes nest.

    Raises:
        ValueError: A name that is empty or holds "/".
    """
    _check_label("scope", name)
    token = _scopes.set((*_scopes.get(), name))
    try:
        yield
    finally:
        _scopes.reset(token)


def scoped(label: str) -> str:
    """The label with the scopes that it stands in."""
    return ".".join((*_scopes.get(), label))


def current_definition() -> Definition | None:
    """The definition that is being learnt, None while a network is built."""
    context = _current.get()
    return context if isinstance(context, Definition) else None


class LayerChoice(nn.Module):
    """One layer out of several; in a built network it holds the chosen one alone.

    Args:
        label: The parameter's name; the same label used again is the same choice.
        alternatives: A dict of name to layer, or a sequence (then the index is the name). A layer
            is a module, or a callable without arguments that makes one: callables keep `build`
            cheap, and choices inside them are active only where they are chosen.

    Raises:
        ValueError: No alternatives, or a label that already means another choice.
    """

    def __init__(
        self, label: str, alternatives: Mapping[str, Alternative] | Sequence[Alternative]
    ) -> None:
        super().__init__()
        context, label = _context("LayerChoice", label)
        self.label = label
        """The choice's name, with its scopes."""
        named: dict[Value, Alternative] = {}
        named.update(alternatives if isinstance(alternatives, Mapping) else enumerate(alternatives))
        if not named:
            raise ValueError(f"LayerChoice {label!r}: alternatives must hold at least one layer")
        for name, alternative in named.items():
            if not callable(alternative):
                raise ValueError(
                    f"LayerChoice {label!r}: alternative {name!r} must be a module or a callable that makes one, got {alternative!r}"
                )
        if isinstance(context, Definition):
            context.declare(label, "LayerChoice", list(named), ordered=False)
            made = list(named)
        else:
            made = (
                list(context.alternatives(label))
                if isinstance(context, Everything)
                else [context[label]]
            )
        layers = {}
        for name in made:
            with (
                context.inside(label, (name,)) if isinstance(context, Definition) else nullcontext()
            ):
                layers[_attribute(name)] = _made(label, name, named[name])
        if not isinstance(context, Everything):
            layers = dict([next(iter(layers.items()))])
        self.chosen = next(iter(layers))
        for attribute, layer in layers.items():
            self.add_module(attribute, layer)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the chosen layer makes of the arguments."""
        return getattr(self, self.chosen)(*args, **kwargs)


class InputChoice(nn.Module):
    """One or several of a layer's inputs, joined. Call it with the list of candidate tensors.

    Args:
        label: The parameter's name.
        inputs: The candidates' names, or how many there are.
        chosen: How many of them are taken; None for any number from one.
        reduction: How several are joined: "sum", "mean" or "concat" (along dimension 1).
        make: Makes a layer for candidate `i`, which the candidate passes first. Choices inside are
            active only where it is taken. None joins the candidates as they are.

    Raises:
        ValueError: No inputs, `chosen` outside of 1 to their number, or an unknown reduction.
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
        context, label = _context("InputChoice", label)
        self.label = label
        """The choice's name, with its scopes."""
        names = [str(index) for index in range(inputs)] if isinstance(inputs, int) else list(inputs)
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
        counts = range(1, len(names) + 1) if chosen is None else (chosen,)
        options = {
            "+".join(names[i] for i in subset): subset
            for count in counts
            for subset in combinations(range(len(names)), count)
        }
        if isinstance(context, Definition):
            context.declare(label, "InputChoice", list(options), ordered=False)
            self.picked = next(iter(options.values()))
        else:
            self.picked = options[context[label]]
        self.names, self.reduction, self.options = names, reduction, options
        self.layers = nn.ModuleDict() if make is not None else None
        if make is not None and self.layers is not None:
            offered = context.alternatives(label) if isinstance(context, Everything) else options
            wanted = (
                set(self.picked)
                if isinstance(context, Selection)
                else {i for option in offered for i in options[str(option)]}
            )
            for index in sorted(wanted):
                taken = tuple(option for option, subset in options.items() if index in subset)
                with (
                    context.inside(label, taken)
                    if isinstance(context, Definition)
                    else nullcontext()
                ):
                    self.layers[str(index)] = make(index)

    def forward(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """The chosen tensors of `inputs` (one tensor per candidate), joined."""
        if len(inputs) != len(self.names):
            raise ValueError(
                f"InputChoice of {self.names} needs {len(self.names)} tensors, got {len(inputs)}"
            )
        tensors = [
            inputs[index] if self.layers is None else self.layers[str(index)](inputs[index])
            for index in self.picked
        ]
        if len(tensors) == 1:
            return tensors[0]
        if self.reduction == "concat":
            return torch.cat(tensors, dim=1)
        total = torch.stack(tensors).sum(0)
        return total / len(tensors) if self.reduction == "mean" else total


class Repeat(nn.Sequential):
    """A variable number of blocks in sequence.

    Choices in block `i` are active only where the depth exceeds `i`.

    Args:
        label: The depth parameter's name; there is none where `low == high`.
        low: Fewest blocks, at least 0.
        high: Most blocks.
        make: Makes block `i` (from 0).

    Raises:
        ValueError: Not 0 <= low <= high, or high is 0.
    """

    def __init__(self, label: str, low: int, high: int, make: Callable[[int], nn.Module]) -> None:
        context, label = _context("Repeat", label)
        if not 0 <= low <= high or high == 0:
            raise ValueError(
                f"Repeat {label!r}: the depth must satisfy 0 <= low <= high and high >= 1, got low={low}, high={high}"
            )
        fixed = low == high
        if isinstance(context, Definition):
            if not fixed:
                context.declare(label, "Repeat", list(range(low, high + 1)), ordered=True)
            blocks = [make(i) for i in range(low)]
            for i in range(low, high):
                with context.inside(label, tuple(range(i + 1, high + 1))):
                    blocks.append(make(i))
        else:
            depth = (
                high
                if fixed
                else max(context.alternatives(label))
                if isinstance(context, Everything)
                else context[label]
            )
            blocks = [make(i) for i in range(int(depth))]
        super().__init__(*blocks)


@overload
def ValueChoice(label: str, values: Mapping[str, T]) -> T: ...
@overload
def ValueChoice(label: str, values: Sequence[T]) -> T: ...
def ValueChoice(label: str, values: Any) -> Any:
    """One value out of several: a width, a kernel size, a dropout rate, an activation.

    In a network that is being built it is that plain value, so that arithmetic and torch's own
    layers take it as it is.

    Args:
        label: The parameter's name; the same label used again is the same choice.
        values: Numbers (searched in ascending order), strings or booleans; anything else by name,
            in a dict.

    Raises:
        ValueError: No values, values that stand twice, or values that need names.
    """
    context, label = _context("ValueChoice", label)
    named = (
        dict(values)
        if isinstance(values, Mapping)
        else {value: value for value in _scalars(label, values)}
    )
    if not named:
        raise ValueError(f"ValueChoice {label!r}: values must hold at least one value")
    ordered = all(isinstance(name, int | float) and not isinstance(name, bool) for name in named)
    names = sorted(named) if ordered else list(named)
    if isinstance(context, Definition):
        context.declare(label, "ValueChoice", names, ordered)
        return named[names[0]]
    return named[context[label]]


def _scalars(label: str, values: Sequence[Any]) -> list[Value]:
    listed = list(values)
    kinds = {
        "number"
        if isinstance(value, int | float) and not isinstance(value, bool)
        else type(value).__name__
        for value in listed
    }
    if not kinds <= {"number", "str", "bool"} or len(kinds) > 1:
        raise ValueError(
            f"ValueChoice {label!r}: values must be all numbers, all strings or all booleans (else name them in a dict), got {listed}"
        )
    if len(set(listed)) < len(listed):
        raise ValueError(f"ValueChoice {label!r}: values must differ, got {listed}")
    return listed


def _context(kind: str, label: str) -> tuple[Context, str]:
    """The context to ask, and the label with the scopes that it stands in."""
    context = _current.get()
    if context is None:
        raise RuntimeError(
            f"{kind} {label!r} outside of a space: wrap the network's class in ModelSpace and call its build(config)"
        )
    _check_label(kind, label)
    return context, scoped(label)


def _check_label(kind: str, label: str) -> None:
    if not isinstance(label, str) or not label or "/" in label:
        raise ValueError(
            f"{kind}: label must be a string without '/' (Tune flattens results on it), got {label!r}"
        )


def _attribute(name: Value) -> str:
    """The alternative's attribute: its name, unless torch's modules have that already (such as
    "half").
    """
    attribute = str(name).replace(".", "_")
    return (
        f"{attribute}_"
        if hasattr(nn.Module, attribute) or attribute in ("training", "chosen", "label")
        else attribute
    )


def _made(label: str, name: Value, alternative: Alternative) -> nn.Module:
    layer = alternative if isinstance(alternative, nn.Module) else alternative()
    if not isinstance(layer, nn.Module):
        raise TypeError(
            f"LayerChoice {label!r}: alternative {name!r} must make an nn.Module, got {layer!r}"
        )
    return layer
