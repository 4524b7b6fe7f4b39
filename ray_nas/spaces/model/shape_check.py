"""Finds choices whose shapes do not fit, by running each value of each choice once.

The networks run on the meta device, so nothing is computed.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ray_nas.spaces.core.parameters import Value
from ray_nas.spaces.model.choice_context import Choice, NetworkSpace


def check_shapes(space: NetworkSpace, input_shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Runs the default network, then each value of one choice after another.

    All other choices have their first values.

    Args:
        space: The space.
        input_shape: The shape of one input, without the batch.
        dtype: The inputs' type.

    Raises:
        ValueError: A network cannot be built or does not run on such inputs; the message names the
            choice and the layer.
    """
    with torch.device("meta"):
        inputs = torch.zeros(2, *input_shape, dtype=dtype)
    problem = _problem(space, space.complete({}), inputs)
    if problem is not None:
        raise ValueError(
            "with the first value of every choice, the network does not fit inputs of shape "
            f"{input_shape}: {problem}"
        )
    for label, choice in space.choices.items():
        for value in choice.values:
            config = space.complete({**_activating(space.choices, label), label: value})
            problem = _problem(space, config, inputs)
            if problem is not None:
                raise ValueError(
                    f"choice {label!r} = {value!r} does not fit inputs of shape {input_shape}: "
                    f"{problem}; the config is {config}"
                )


def _activating(choices: Mapping[str, Choice], label: str) -> dict[str, Value]:
    """Values of other choices under which the choice `label` is active."""
    conditions = choices[label].conditions
    condition = None if None in conditions else conditions[0]
    if condition is None:
        return {}
    parent, values = condition
    return {**_activating(choices, parent), parent: values[0]}


def _problem(space: NetworkSpace, config: dict[str, Any], inputs: torch.Tensor) -> str | None:
    """Why the network of a config cannot run; None if it runs, or if a rule excludes it."""
    if not space.is_valid(config):
        return None
    running: list[str] = []
    try:
        with torch.device("meta"), torch.no_grad():
            network = space.build(config)
            with _track_layers(network, running):
                network(inputs)
    except (ArithmeticError, IndexError, RuntimeError, TypeError, ValueError) as error:
        place = f"in {running[-1]}: " if running else ""
        return f"{place}{type(error).__name__}: {error}"
    return None


@contextmanager
def _track_layers(network: nn.Module, running: list[str]) -> Iterator[None]:
    """Keeps the layers that are running in `running`, outermost first.

    An error leaves them there.
    """

    def enter(described: str) -> None:
        running.append(described)

    def leave() -> None:
        running.pop()

    hooks = []
    for name, module in network.named_modules():
        kind = type(module).__name__
        described = f"layer {name!r} ({kind})" if name else kind
        hooks += [
            module.register_forward_pre_hook(lambda *call, described=described: enter(described)),
            module.register_forward_hook(lambda *call: leave()),
        ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
