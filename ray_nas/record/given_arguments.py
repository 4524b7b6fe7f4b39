"""The arguments that searchers and schedulers were made with, for the record."""

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

Json: TypeAlias = Any


@dataclass(frozen=True)
class GivenArguments:
    """A constructor's arguments: those that are JSON, and the others.

    Example:
        >>> GivenArguments.of({"seed": 1, "objectives": None, "costs": len})
        GivenArguments(values={'seed': 1}, unrecorded={'costs': 'function len'})
    """

    values: dict[str, Json] = field(default_factory=dict)
    """By name; what is None is left out."""
    unrecorded: dict[str, str] = field(default_factory=dict)
    """Argument name to a description."""

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> "GivenArguments":
        """Sorts arguments into both kinds."""
        values: dict[str, Json] = {}
        unrecorded: dict[str, str] = {}
        for name, value in arguments.items():
            try:
                values[name] = _as_json(value)
            except TypeError:
                unrecorded[name] = _describe(value)
        return cls({name: value for name, value in values.items() if value is not None}, unrecorded)


class RecordsArguments:
    """Keeps the arguments that an object of a subclass was made with.

    Example:
        >>> class Scheduler(RecordsArguments):
        ...     def __init__(self, max_t, *, eta=3, prior=None):
        ...         pass
        >>> Scheduler(9).given_arguments
        GivenArguments(values={'max_t': 9, 'eta': 3}, unrecorded={})
    """

    given_arguments: GivenArguments
    """Defaults included."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            cls.__init__ = _recording(cls.__init__)  # type: ignore[method-assign]


def _recording(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that keeps its arguments, unless a subclass's constructor calls it."""

    @functools.wraps(init)
    def recording_init(self: Any, *args: Any, **kwargs: Any) -> None:
        is_outermost = "given_arguments" not in self.__dict__
        if is_outermost:
            self.given_arguments = GivenArguments()
        init(self, *args, **kwargs)
        if is_outermost:
            self.given_arguments = GivenArguments.of(_bound(recording_init, self, args, kwargs))

    return recording_init


def _bound(
    init: Callable[..., None], owner: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of a call by name, with defaults."""
    bound = inspect.signature(init).bind(owner, *args, **kwargs)
    bound.apply_defaults()
    _, *own = bound.arguments.items()
    named = dict(own)
    for name, parameter in bound.signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            named.update(named.pop(name))
    return named


def _as_json(value: Any) -> Json:
    """The value as JSON, tuples as lists.

    Raises:
        TypeError: It has no such form.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    raise TypeError(f"{type(value).__name__} is not JSON")


def _describe(value: Any) -> str:
    name = getattr(value, "__qualname__", None)
    return f"function {name}" if name and callable(value) else type(value).__name__
