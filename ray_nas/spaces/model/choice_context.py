"""What a choice yields while a network's factory runs: everything to define, one value, or all.

`ModelSpace` runs the factory under one of three contexts. `Definition` records the choices,
`Selection` yields the values of one config, and `MakeEverything` makes all alternatives for a
supernet. The choices in `choices.py` call the methods of `ChoiceContext` and do not know which one
is active.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import nn

from ray_nas.spaces.core.parameters import Value

Condition = tuple[str, tuple[Value, ...]]
"""A parent choice, and the values of it under which a child choice is active."""
Forbidden = Mapping[str, Value | Sequence[Value]]
"""A forbidden combination: a value, or several values, for each label."""


@dataclass
class Choice:
    """One choice in a network's definition."""

    label: str
    kind: str
    """The name of its class: "LayerChoice", "InputChoice", "Repeat" or "ValueChoice"."""
    values: tuple[Value, ...]
    ordered: bool
    """Whether the values are numbers in ascending order."""
    first: Value
    """The value that stands first in the network's definition."""
    conditions: list[Condition | None] = field(default_factory=list)
    """The condition at each place where the choice occurs; None for a place that always exists."""


class NetworkSpace(Protocol):
    """The part of `ModelSpace` that its shape check and its supernet use.

    A protocol, because `model_space.py` imports both of them.
    """

    @property
    def choices(self) -> Mapping[str, Choice]: ...  # noqa: D102

    def build(self, config: Mapping[str, Any]) -> nn.Module: ...  # noqa: D102

    def build_all(self, values: Mapping[str, Value]) -> nn.Module: ...  # noqa: D102

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]: ...  # noqa: D102

    def is_valid(self, value: Any) -> bool: ...  # noqa: D102

    def own_parameters(self, config: Mapping[str, Any]) -> dict[str, Any]: ...  # noqa: D102


class ChoiceContext:
    """Decides what each choice yields while a factory runs."""

    keeps_all = False
    """Whether a `LayerChoice` keeps all the layers that it makes, or only the first."""

    def choose(self, label: str, kind: str, values: Sequence[Value], ordered: bool) -> Value:
        """The value of a choice.

        Args:
            label: The choice's name, with its prefixes.
            kind: The name of its class.
            values: All its values, as they are written.
            ordered: Whether they are numbers, whose order counts.
        """
        raise NotImplementedError

    def values_to_make(self, label: str, values: Sequence[Value]) -> Sequence[Value]:
        """The values of a choice whose layers are made."""
        raise NotImplementedError

    def inside(self, label: str, values: tuple[Value, ...]) -> AbstractContextManager[None]:
        """A block whose choices exist only while the choice `label` has one of `values`."""
        return nullcontext()


class Definition(ChoiceContext):
    """Records the choices of a network; each yields its first value."""

    def __init__(self) -> None:
        self.choices: dict[str, Choice] = {}
        self.rules: list[Callable[[dict[str, Any]], bool]] = []
        """Validity rules of the spaces embedded in the network."""
        self.forbidden: list[Forbidden] = []
        """Forbidden combinations of the spaces embedded in the network."""
        self._inside: list[Condition] = []

    def choose(self, label: str, kind: str, values: Sequence[Value], ordered: bool) -> Value:
        """Records a choice, or checks that a label used again means the same choice."""
        in_order = sorted(values) if ordered else values
        choice = Choice(label, kind, tuple(in_order), ordered, values[0])
        recorded = self.choices.setdefault(label, choice)
        if (recorded.kind, recorded.values) != (kind, choice.values):
            raise ValueError(
                f"label {label!r} is used for two different choices: {recorded.kind} of "
                f"{list(recorded.values)} and {kind} of {list(values)}; "
                "the same label means the same choice"
            )
        condition = self._inside[-1] if self._inside else None
        if condition not in recorded.conditions:
            recorded.conditions.append(condition)
        return choice.first

    def values_to_make(self, label: str, values: Sequence[Value]) -> Sequence[Value]:
        """All values, so that the choices nested in each of them are recorded."""
        return values

    @contextmanager
    def inside(self, label: str, values: tuple[Value, ...]) -> Iterator[None]:
        """Choices recorded in this block are active only while `label` has one of `values`."""
        self._inside.append((label, values))
        try:
            yield
        finally:
            self._inside.pop()


class Selection(ChoiceContext):
    """Yields the values of a config, to build its network.

    Args:
        config: The value of each active choice, by label.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config

    def choose(self, label: str, kind: str, values: Sequence[Value], ordered: bool) -> Value:
        """The config's value."""
        return self._value(label)

    def values_to_make(self, label: str, values: Sequence[Value]) -> Sequence[Value]:
        """The config's value alone."""
        return [self._value(label)]

    def _value(self, label: str) -> Value:
        try:
            value: Value = self._config[label]
        except KeyError:
            raise ValueError(
                f"the network asks for choice {label!r}, which this config does not have: a choice "
                "that exists only for some values of another choice must be inside a callable "
                "alternative of that one"
            ) from None
        return value


class MakeEverything(ChoiceContext):
    """Makes all alternatives and all blocks at once, with one value for each `ValueChoice`.

    Args:
        choices: The choices of the space, by label.
        values: Values by label. A choice without one has its last value (the largest number).
    """

    keeps_all = True

    def __init__(self, choices: Mapping[str, Choice], values: Mapping[str, Value]) -> None:
        self._choices = choices
        self._values = values

    def choose(self, label: str, kind: str, values: Sequence[Value], ordered: bool) -> Value:
        """The given value, or the last of the values left in the space."""
        return self._values.get(label, self._choices[label].values[-1])

    def values_to_make(self, label: str, values: Sequence[Value]) -> Sequence[Value]:
        """All the values left in the space, which may be restricted to some of `values`."""
        return self._choices[label].values


_active_context: ContextVar[ChoiceContext | None] = ContextVar("active_context", default=None)
_prefixes: ContextVar[tuple[str, ...]] = ContextVar("prefixes", default=())


@contextmanager
def active(context: ChoiceContext) -> Iterator[None]:
    """Makes `context` decide what choices yield in this block."""
    token = _active_context.set(context)
    try:
        yield
    finally:
        _active_context.reset(token)


def context_of(kind: str, label: str) -> tuple[ChoiceContext, str]:
    """The active context, and the label with its prefixes.

    Raises:
        RuntimeError: No context is active: the choice is made outside of a space.
        ValueError: The label is no string, empty, or contains "/".
    """
    context = _active_context.get()
    if context is None:
        raise RuntimeError(
            f"{kind} {label!r} outside of a space: wrap the network's class in ModelSpace "
            "and call its build(config)"
        )
    _check_label(kind, label)
    return context, prefixed(label)


def current_definition() -> Definition | None:
    """The active definition; None while a network is built."""
    context = _active_context.get()
    return context if isinstance(context, Definition) else None


@contextmanager
def label_prefix(name: str) -> Iterator[None]:
    """Puts `name` and a dot before the labels of the choices in this block; prefixes nest.

    Raises:
        ValueError: The name is no string, empty, or contains "/".

    Example:
        >>> from torch import nn
        >>> from ray_nas.spaces import ModelSpace, ValueChoice
        >>> class Net(nn.Sequential):
        ...     def __init__(self):
        ...         with label_prefix("stage_1"):
        ...             width = ValueChoice("width", [8, 16])
        ...         super().__init__(nn.Linear(4, width))
        >>> print(ModelSpace(Net))
        ModelSpace of Net: 2 architectures
          stage_1.width: 8, 16
    """
    _check_label("label_prefix", name)
    token = _prefixes.set((*_prefixes.get(), name))
    try:
        yield
    finally:
        _prefixes.reset(token)


def prefixed(label: str) -> str:
    """The label with the prefixes of the blocks around it."""
    return ".".join((*_prefixes.get(), label))


def _check_label(kind: str, label: str) -> None:
    if not isinstance(label, str) or not label or "/" in label:
        raise ValueError(
            f"{kind}: label must be a string without '/' (Tune flattens results on it), "
            f"got {label!r}"
        )
