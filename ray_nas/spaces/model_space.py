"""`ModelSpace`: the search space of an ordinary `nn.Module` with choices in it."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from ConfigSpace import ConfigurationSpace, EqualsCondition, InCondition, OrConjunction
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Hyperparameter,
    OrdinalHyperparameter,
    UniformIntegerHyperparameter,
)
from torch import nn

from ray_nas.spaces.base import Rule, SearchSpace
from ray_nas.spaces.choices import Choice, Condition, Definition, Everything, Selection, active
from ray_nas.spaces.parameters import Value
from ray_nas.spaces.supernet import Supernet


class ModelSpace(SearchSpace):
    """All the networks that a factory can make: `LayerChoice`, `InputChoice`, `Repeat` and `ValueChoice` inside it.

    The factory runs once here, on torch's meta device (nothing is allocated), to learn the choices, and once in each
    `build`.

    Args:
        factory: The network's class, or any callable without arguments that makes it.
        rules: Validity rules between choices; each takes a config and returns whether it may be used.

    Raises:
        ValueError: The network holds no choice, or two different ones under one label.
    """

    input_shape: tuple[int, ...] | None = None
    """The shape of one input, without the batch, where it is known."""
    input_dtype: torch.dtype = torch.float32
    """The type of the inputs: `torch.long` for tokens."""

    def __init__(self, factory: Callable[[], nn.Module], rules: Sequence[Rule] = ()) -> None:
        definition = Definition()
        with active(definition), torch.device("meta"):
            network = factory()
        if not isinstance(network, nn.Module):
            raise TypeError(f"factory must make an nn.Module, got {network!r}")
        if not definition.choices:
            raise ValueError("factory made a network without a LayerChoice, InputChoice, Repeat or ValueChoice: nothing to search")
        self._factory = factory
        self._choices = definition.choices
        super().__init__(_config_space(definition.choices), rules)

    def build(self, config: Mapping[str, Any]) -> nn.Module:
        """The network of `config`, with only the chosen layers in it. Keys that are not the space's own are ignored.

        Raises:
            ValueError: A parameter of the space is missing, inactive or has a value that is none of its own.
        """
        own = self.own(config)
        self.validate(own)
        with active(Selection(own)):
            return self._factory()

    def supernet(self) -> Supernet:
        """All networks of the space in shared weights, initialised as torch initialises the largest ones.

        Raises:
            ValueError: A layer whose size varies has no slicing rule (`register_slicing`), or slices of it would mix
                what does not belong together; the message names the layer.
        """
        return Supernet(self)

    def everything(self, values: Mapping[str, Value]) -> nn.Module:
        """One module with all alternatives and blocks in it, for the tensors that a supernet shares.

        Args:
            values: What each `ValueChoice` is; where there is none, the last (the largest number).
        """
        with active(Everything(self._choices, values)):
            return self._factory()

    @property
    def choices(self) -> Mapping[str, Choice]:
        """The choices by label, in the order in which the network's definition meets them."""
        return MappingProxyType(self._choices)

    def __str__(self) -> str:
        """The tree of choices and the number of architectures."""
        name = type(self).__name__
        if isinstance(self._factory, type):
            name += f" of {self._factory.__name__}"
        lines = [f"{name}: {describe_size(self.size)}"]
        self._tree(None, 1, lines)
        return "\n".join(lines)

    def _tree(self, parent: str | None, level: int, lines: list[str]) -> None:
        for choice in self._choices.values():
            condition = choice.conditions[0]
            if (condition[0] if condition else None) == parent:
                values = (
                    f"{choice.values[0]} to {choice.values[-1]} blocks" if choice.kind == "Repeat" else ", ".join(map(str, choice.values))
                )
                suffix = f"  [if {_describe(choice.conditions)}]" if condition else ""
                lines.append(f"{'  ' * level}{choice.label}: {values}{suffix}")
                self._tree(choice.label, level + 1, lines)


def check_sizes(**sizes: int) -> None:
    """Raises a ValueError for an argument of a ready-made space that is below 1."""
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")


def describe_size(size: int | float) -> str:
    """The number of architectures for people: exact up to ten millions, else its magnitude."""
    return (
        f"{size:,} architectures"
        if size < 10**7
        else f"{float(size):.1e} architectures"
        if size != float("inf")
        else "infinitely many architectures"
    )


def _config_space(choices: Mapping[str, Choice]) -> ConfigurationSpace:
    config_space = ConfigurationSpace()
    parameters = {label: _parameter(choice) for label, choice in choices.items()}
    config_space.add(*parameters.values())
    for label, choice in choices.items():
        if None in choice.conditions:
            continue
        conditions = [_condition(parameters[label], parameters[parent], values) for parent, values in filter(None, choice.conditions)]
        config_space.add(conditions[0] if len(conditions) == 1 else OrConjunction(*conditions))
    return config_space


def _parameter(choice: Choice) -> Hyperparameter[Any, Any]:
    values: list[Any] = list(choice.values)
    if choice.kind == "Repeat":
        return UniformIntegerHyperparameter(choice.label, values[0], values[-1], default_value=values[0])
    if choice.ordered and len(values) > 1:
        return OrdinalHyperparameter(choice.label, values)
    return CategoricalHyperparameter(choice.label, values)


def _condition(child: Hyperparameter[Any, Any], parent: Hyperparameter[Any, Any], values: tuple[Any, ...]) -> EqualsCondition | InCondition:
    return EqualsCondition(child, parent, values[0]) if len(values) == 1 else InCondition(child, parent, list(values))


def _describe(conditions: Sequence[Condition | None]) -> str:
    texts = []
    for parent, values in filter(None, conditions):
        numbers = len(values) > 1 and all(isinstance(value, int) for value in values)
        texts.append(f"{parent} >= {values[0]}" if numbers else f"{parent} = {' or '.join(map(str, values))}")
    return " or ".join(texts)
