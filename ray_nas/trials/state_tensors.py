"""The state of a training as named tensors: merged, split, and as text.

A state is one flat dict. The names of each part begin with the part's name and a dot, as in
`state_dict`: `weights.layer.bias`, `optimizer.0.momentum_buffer`.
"""

import base64
from collections.abc import Mapping

import torch
from safetensors import torch as safetensors
from torch import Tensor


def merge_parts(parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """One dict for the tensors of several parts, each name prefixed with its part's and a dot.

    Example:
        >>> list(merge_parts({"weights": {"bias": torch.zeros(1)}, "adam": {}}))
        ['weights.bias']
    """
    return {
        f"{part}.{name}": tensor
        for part, tensors in parts.items()
        for name, tensor in tensors.items()
    }


def select_part(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors of one part, without its prefix.

    Example:
        >>> list(select_part({"weights.bias": torch.zeros(1), "adam.step": torch.ones(1)}, "adam"))
        ['step']
    """
    prefix = f"{part}."
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimizer's state tensors, named by the parameter's index, a dot and the state's name.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(1))
        >>> optimizer = torch.optim.SGD([weight], 0.1, momentum=0.9)
        >>> weight.sum().backward(); optimizer.step()
        >>> optimizer_tensors(optimizer)
        {'0.momentum_buffer': tensor([1.])}
    """
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": value
        for index, entry in state.items()
        for name, value in entry.items()
        if isinstance(value, Tensor)
    }


def load_optimizer_tensors(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restores tensors returned by `optimizer_tensors`; ignores names without an index.

    The optimizer may keep the tensors themselves and change them in place.
    """
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        if name:
            state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def tensors_to_text(tensors: Mapping[str, Tensor]) -> str:
    """Tensors as text for JSON: their safetensors bytes in base 64.

    Example:
        >>> tensors_from_text(tensors_to_text({"bias": torch.ones(2)}))
        {'bias': tensor([1., 1.])}
    """
    contiguous = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    return base64.b64encode(safetensors.save(contiguous)).decode()


def tensors_from_text(text: str) -> dict[str, Tensor]:
    """Tensors from the text returned by `tensors_to_text`."""
    tensors: dict[str, Tensor] = safetensors.load(base64.b64decode(text))
    return tensors
