"""`ModelSpace`: the search space of an ordinary `nn.Module` with choices in it."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeVar

import torch
from torch import nn

from ray_nas import notebook_html
from ray_nas.checks import check_int
from ray_nas.spaces.cells.cell_graph import CellGraph
from ray_nas.spaces.core.parameters import Value
from ray_nas.spaces.core.search_space import SearchSpace
from ray_nas.spaces.core.validity import Config, Rule
from ray_nas.spaces.model.choice_context import (
    Choice,
    Condition,
    Definition,
    Forbidden,
    MakeEverything,
    Selection,
    active,
    current_definition,
    label_prefix,
    prefixed,
)
from ray_nas.spaces.model.config_space import check_forbidden, config_space_of, reachable
from ray_nas.spaces.model.drawing import picture_of_cell, picture_of_network
from ray_nas.spaces.model.shape_check import check_shapes
from ray_nas.spaces.model.supernet import Supernet
from ray_nas.spaces.model.svg_layout import svg

Space = TypeVar("Space", bound="ModelSpace")


class ModelSpace(SearchSpace):
    """All the networks that a factory can make.

    The factory's network contains `LayerChoice`, `InputChoice`, `Repeat` or `ValueChoice`. The
    factory runs once here, on torch's meta device (nothing is allocated), to find the choices, and
    once in each `build`.

    Args:
        factory: The network's class, or any callable without arguments that makes it.
        rules: Validity rules between choices; each takes a config and returns whether it may be
            used.
        forbidden: Combinations that may not be used: each a dict of label to a value, or to a list
            of values. They become forbidden clauses of the ConfigSpace.
        input_shape: The shape of one input, without the batch. If given, every value of every
            choice is tried on the meta device, so that a choice whose shapes do not fit is an error
            here and not in a trial.
        input_dtype: The inputs' type (`torch.long` for tokens).

    Raises:
        ValueError: The network contains no choice, two different choices under one label, or one
            that does not fit; or `forbidden` names an unknown choice or value.

    Example:
        >>> from torch import nn
        >>> from ray_nas.spaces import ValueChoice
        >>> class Net(nn.Sequential):
        ...     def __init__(self):
        ...         width = ValueChoice("width", [8, 16])
        ...         super().__init__(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))
        >>> space = ModelSpace(Net)
        >>> space.build({"width": 8})[0]
        Linear(in_features=4, out_features=8, bias=True)
    """

    input_shape: tuple[int, ...] | None = None
    """The shape of one input, without the batch; None if it is not given."""
    input_dtype: torch.dtype = torch.float32
    """The type of the inputs: `torch.long` for tokens."""

    def __init__(
        self,
        factory: Callable[[], nn.Module],
        rules: Sequence[Rule] = (),
        *,
        forbidden: Sequence[Forbidden] = (),
        input_shape: Sequence[int] | None = None,
        input_dtype: torch.dtype | None = None,
    ) -> None:
        definition = Definition()
        with active(definition), torch.device("meta"):
            network = factory()
        if not isinstance(network, nn.Module):
            raise TypeError(f"factory must make an nn.Module, got {network!r}")
        if not definition.choices:
            raise ValueError(
                "factory made a network without a LayerChoice, InputChoice, Repeat or ValueChoice: "
                "nothing to search"
            )
        check_forbidden(forbidden, definition.choices)
        self._factory = factory
        self._set_choices(
            definition.choices, (*forbidden, *definition.forbidden), (*rules, *definition.rules)
        )
        if input_dtype is not None:
            self.input_dtype = input_dtype
        if input_shape is not None:
            self.input_shape = tuple(input_shape)
            check_shapes(self, self.input_shape, self.input_dtype)

    def _set_choices(
        self, choices: Mapping[str, Choice], forbidden: Sequence[Forbidden], rules: Sequence[Rule]
    ) -> None:
        self._choices = reachable(choices)
        self._forbidden_combinations = tuple(forbidden)
        super().__init__(config_space_of(self._choices, forbidden), rules)

    def fix(self: Space, values: Mapping[str, Value]) -> Space:
        """The part of the space in which these choices have these values.

        Configs still hold these choices, so old configs keep their meaning.
        """
        return self.restrict({label: [value] for label, value in values.items()})

    def restrict(self: Space, values: Mapping[str, Sequence[Value]]) -> Space:
        """The part of the space in which these choices have one of these values.

        Configs of it are configs of this space, with the same meaning and the same network. Choices
        that no config can reach any more are removed.

        Raises:
            ValueError: A label or a value is not in the space, or a list of values is empty.
        """
        choices = dict(self._choices)
        for label, wanted in values.items():
            if label not in choices:
                raise ValueError(f"unknown choice {label!r}; the choices are {', '.join(choices)}")
            unknown = [value for value in wanted if value not in choices[label].values]
            if unknown or not wanted:
                raise ValueError(
                    f"{label!r} must be restricted to some of {list(choices[label].values)}, "
                    f"got {list(wanted)}"
                )
            kept = tuple(value for value in choices[label].values if value in wanted)
            choices[label] = replace(choices[label], values=kept)
        part = copy.copy(self)
        part._set_choices(choices, self._forbidden_combinations, self._rules)
        return part

    def embed(self, name: str) -> nn.Module:
        """The space's network as a part of another space's network.

        To be called inside the other space's factory. The choices, restrictions, rules and
        forbidden combinations join the other's, with `name` and a dot before each label.
        """
        with label_prefix(name):
            network = self._factory()
            definition = current_definition()
            if definition is not None:
                prefix = prefixed("")
                for label, choice in self._choices.items():
                    definition.choices[prefix + label].values = choice.values
                definition.rules += [_ScopedRule(prefix, rule) for rule in self._rules]
                definition.forbidden += [
                    {prefix + label: values for label, values in clause.items()}
                    for clause in self._forbidden_combinations
                ]
        return network

    def build(self, config: Mapping[str, Any]) -> nn.Module:
        """The network of `config`, with only the chosen layers in it.

        Args:
            config: A config of the space; other keys are ignored.

        Raises:
            ValueError: A parameter of the space is missing, inactive, or has an unknown value.
            TypeError: It is not a dict: Tune did not resolve a space inside an object.
        """
        with active(Selection(self._to_build(config))):
            return self._factory()

    def parameter_count(self, config: Mapping[str, Any]) -> int | None:
        """The number of trainable parameters of the network of `config`.

        It is built on the meta device, so nothing is allocated.
        """
        with torch.device("meta"):
            return sum(
                parameter.numel()
                for parameter in self.build(config).parameters()
                if parameter.requires_grad
            )

    def supernet(self) -> Supernet:
        """All networks of the space in shared weights.

        The largest networks' layers initialise them.

        Raises:
            ValueError: A layer whose size varies has no slicing rule (`register_slicing`), or
                slices of it would mix what does not belong together; the message names the layer.
        """
        return Supernet(self)

    def build_all(self, values: Mapping[str, Value]) -> nn.Module:
        """One module with all alternatives and all blocks in it.

        Args:
            values: Values of `ValueChoice`s by label. One that is left out has its last value (the
                largest number).
        """
        with active(MakeEverything(self._choices, values)):
            return self._factory()

    @property
    def baseline(self) -> Config | None:
        """The network as it was written: the first alternative of every choice.

        None if a rule forbids it.
        """
        config = self.complete({})
        return config if self.is_valid(config) else None

    @property
    def choices(self) -> Mapping[str, Choice]:
        """The choices by label, in the order in which the network's definition meets them."""
        return MappingProxyType(self._choices)

    def cell_graphs(self, config: Mapping[str, Any]) -> Mapping[str, CellGraph]:
        """The cells of an architecture by name; empty in a space without cells."""
        return {}

    def draw(self, config: Mapping[str, Any], *, baseline: Mapping[str, Any] | None = None) -> str:
        """The architecture as an SVG document: its cells if it has any, else its layers.

        Args:
            config: The architecture.
            baseline: An architecture to compare with; what differs gets a thick border.

        Raises:
            ImportError: The extra `draw` is not installed.
            ValueError: `config` or `baseline` is not in the space.
        """
        own = self._checked(config)
        other = None if baseline is None else self._checked(baseline)
        cells = self.cell_graphs(own)
        if cells:
            before = {} if other is None else self.cell_graphs(other)
            return svg(
                [picture_of_cell(name, cell, before.get(name)) for name, cell in cells.items()]
            )
        with torch.device("meta"):
            old = None if other is None else self.build(other)
            return svg([picture_of_network(type(self).__name__, self.build(own), old)])

    def _checked(self, config: Mapping[str, Any]) -> Config:
        """The space's own parameters; raises a ValueError if they are not in it."""
        own = self.own_parameters(config)
        self.validate(own)
        return own

    def __str__(self) -> str:
        """The tree of choices and the number of architectures.

        "(first: VALUE)" marks the value of the network as written where values were sorted.
        """
        name = type(self).__name__
        if isinstance(self._factory, type):
            name += f" of {self._factory.__name__}"
        lines = [f"{name}: {describe_size(self.size)}"]
        self._tree(None, 1, lines)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The tree of choices, in Jupyter."""
        title, _, tree = str(self).partition("\n")
        return notebook_html.text(title, tree)

    def _tree(self, parent: str | None, level: int, lines: list[str]) -> None:
        """Adds a line for each choice below `parent`."""
        for choice in self._choices.values():
            condition = choice.conditions[0]
            if (condition[0] if condition else None) == parent:
                values = ", ".join(map(str, choice.values))
                if choice.kind == "Repeat":
                    values = f"{choice.values[0]} to {choice.values[-1]} blocks"
                if choice.first in choice.values[1:]:
                    values += f" (first: {choice.first})"
                suffix = f"  [if {_describe(choice.conditions)}]" if condition else ""
                lines.append(f"{'  ' * level}{choice.label}: {values}{suffix}")
                self._tree(choice.label, level + 1, lines)


def check_sizes(**sizes: int) -> None:
    """Raises a ValueError for an argument of a ready-made space that is below 1."""
    for name, value in sizes.items():
        check_int(name, value, low=1)


def describe_size(size: int | float) -> str:
    """The number of architectures in words: exact below ten million, else its magnitude."""
    if size == float("inf"):
        return "infinitely many architectures"
    return f"{size:,} architectures" if size < 10**7 else f"{float(size):.1e} architectures"


@dataclass(frozen=True)
class _ScopedRule:
    """A rule of an embedded space, which expects labels without the prefix."""

    prefix: str
    rule: Rule

    def __call__(self, config: Config) -> bool:
        return self.rule(
            {
                name.removeprefix(self.prefix): value
                for name, value in config.items()
                if name.startswith(self.prefix)
            }
        )

    @property
    def __name__(self) -> str:
        return f"{getattr(self.rule, '__name__', self.rule)!s} of {self.prefix.removesuffix('.')}"


def _describe(conditions: Sequence[Condition | None]) -> str:
    """Conditions for people: "depth >= 2", "op = conv or pool"."""
    texts = []
    for parent, values in filter(None, conditions):
        numbers = len(values) > 1 and all(isinstance(value, int) for value in values)
        allowed = f">= {values[0]}" if numbers else f"= {' or '.join(map(str, values))}"
        texts.append(f"{parent} {allowed}")
    return " or ".join(texts)
