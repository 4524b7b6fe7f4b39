"""Finds choices whose shapes do not fit: every choice once with each of its values, on the meta
device (nothing is computed).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import nn

from ray_nas.spaces.core.parameters import Value
from ray_nas.spaces.model.choices import Choice


class NetworkSpace(Protocol):
    """What a dry run needs of a space."""

    @property
    def choices(self) -> Mapping[str, Choice]: ...  # noqa: D102

    def build(self, config: Mapping[str, Any]) -> nn.Module: ...  # noqa: D102

    def is_valid(self, value: Any) -> bool: ...  # noqa: D102

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]: ...  # noqa: D102


def dry_run(space: NetworkSpace, input_shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Runs the network with the first value of every choice, then with each other value of one
    choice after the other.

    Args:
        space: The space.
        input_shape: The shape of one input, without the batch.
        dtype: The inputs' type.

    Raises:
        ValueError: A network cannot be made or does not run on such inputs; the message names the
            choice and the layer.
    """
    with torch.device("meta"):
        inputs = torch.zeros(2, *input_shape, dtype=dtype)
    problem = _problem(space, space.complete({}), inputs)
    if problem is not None:
        raise ValueError(
            f"with the first value of every choice, the network does not fit inputs of shape {input_shape}: {problem}"
        )
    for label, choice in space.choices.items():
        for value in choice.values:
            config = space.complete({**_reached(space.choices, label), label: value})
            problem = _problem(space, config, inputs)
            if problem is not None:
                raise ValueError(
                    f"choice {label!r} = {value!r} does not fit inputs of shape {input_shape}: {problem}; the config is {config}"
                )


def _reached(choices: Mapping[str, Choice], label: str) -> dict[str, Value]:
    """Values of other choices under which the choice `label` is active."""
    place = choices[label].conditions[0] if None not in choices[label].conditions else None
    return {} if place is None else {**_reached(choices, place[0]), place[0]: place[1][0]}


def _problem(space: NetworkSpace, config: dict[str, Any], inputs: torch.Tensor) -> str | None:
    """Why a config's network cannot run, None if it can (or need not, by a rule)."""
    if not space.is_valid(config):
        return None
    path: list[str] = []
    try:
        with torch.device("meta"), torch.no_grad():
            network = space.build(config)
            with _followed(network, path):
                network(inputs)
    except (ArithmeticError, IndexError, RuntimeError, TypeError, ValueError) as error:
        place = f"in {path[-1]}: " if path else ""
        return f"{place}{type(error).__name__}: {error}"
    return None


@contextmanager
def _followed(network: nn.Module, path: list[str]) -> Iterator[None]:
    """Keeps the names of the layers that are running in `path`, outermost first; after an error
    they stay there.
    """
    hooks = []
    for name, module in network.named_modules():
        described = f"layer {name!r} ({type(module).__name__})" if name else type(module).__name__
        hooks.append(
            module.register_forward_pre_hook(
                lambda module, inputs, described=described: path.append(described)
            )
        )
        hooks.append(
            module.register_forward_hook(lambda module, inputs, outputs: path.pop() and None)
        )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
