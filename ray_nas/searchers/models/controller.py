"""The recurrent controller of neural architecture search with reinforcement learning (Zoph & Le,
2017).

https://arxiv.org/abs/1611.01578. An LSTM walks through the parameters, parents first, and draws one
value after the other, each given those before.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from ConfigSpace.hyperparameters import Hyperparameter
from safetensors import torch as safetensors
from torch import Tensor, nn

from ray_nas.spaces.core import parameters
from ray_nas.spaces.core.search_space import Config, SearchSpace

BINS: Final = 16
"""A float or a long integer range is drawn as one of so many equal parts of its unit interval,
evenly within it.
"""
INACTIVE: Final = -1
_SPREAD: Final = 0.1


class Controller(nn.Module):
    """A distribution over the configs of a space. At first every value of a parameter is as likely
    as the others.

    What forbidden clauses exclude is not taken out of the probabilities.

    Args:
        space: The space.
        hidden: Width of the LSTM.
        generator: Initial weights are drawn from it, and so are configs.
    """

    _closed: Tensor
    """Which choices a parameter does not have, shape (parameters, most choices)."""

    def __init__(self, space: SearchSpace, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self._space, self._hidden, self._generator = space, hidden, generator
        self._walked = dict(space.config_space)
        self._conditional = {
            name: bool(space.config_space.parents_of[name]) for name in self._walked
        }
        counts = torch.tensor([_choices(item) for item in self._walked.values()])
        steps, most = len(counts), int(counts.max())
        self._most = most
        self.register_buffer("_closed", torch.arange(most) >= counts[:, None], persistent=False)

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape).uniform_(-_SPREAD, _SPREAD, generator=generator))

        self.embedding = drawn(1 + steps * most, hidden)
        self.input_weight, self.recurrent_weight, self.bias = (
            drawn(4 * hidden, hidden),
            drawn(4 * hidden, hidden),
            drawn(4 * hidden),
        )
        self.heads, self.head_bias = (
            nn.Parameter(torch.zeros(steps, hidden, most)),
            nn.Parameter(torch.zeros(steps, most)),
        )

    def forward(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """The log-probabilities and the entropies of configs, both of shape (configs,).

        Args:
            actions: What `encode` gives, of shape (configs, parameters).
        """
        walk = _Walk(self, len(actions))
        log_probs, entropies = torch.zeros(len(actions)), torch.zeros(len(actions))
        for step, chosen in enumerate(actions.T):
            logits = walk.logits(step)
            active = chosen != INACTIVE
            log_probs = log_probs + torch.where(
                active, logits.gather(1, chosen.clamp(min=0)[:, None])[:, 0], 0.0
            )
            entropies = entropies - torch.where(
                active, (logits.exp() * logits.masked_fill(self._closed[step], 0.0)).sum(1), 0.0
            )
            walk.go(step, chosen)
        return log_probs, entropies

    @torch.no_grad()
    def sample(self, count: int, temperature: float = 1.0) -> list[Config]:
        """Configs from the distribution; those that forbidden clauses and rules exclude are left
        out, so there may be fewer.

        Args:
            count: How many are drawn.
            temperature: Divides the logits: above 1 the distribution is flatter than it is.
        """
        walk = _Walk(self, count)
        values: list[Config] = [{} for _ in range(count)]
        for step, (name, parameter) in enumerate(self._walked.items()):
            chosen = torch.multinomial(
                (walk.logits(step) / temperature).softmax(1), 1, generator=self._generator
            )[:, 0]
            inside = torch.rand(count, generator=self._generator).tolist()
            for row, config in enumerate(values):
                if self._conditional[name] and name not in self._space.active(config):
                    chosen[row] = INACTIVE
                else:
                    config[name] = _value(parameter, int(chosen[row]), inside[row])
            walk.go(step, chosen)
        return [config for config in values if self._space.is_valid(config)]

    def encode(self, configs: Sequence[Mapping[str, Any]]) -> Tensor:
        """The index of each parameter's choice, -1 where it is inactive; shape (configs,
        parameters).
        """
        return torch.tensor(
            [
                [
                    _index(item, config[name]) if name in config else INACTIVE
                    for name, item in self._walked.items()
                ]
                for config in configs
            ]
        )


class _Walk:
    """The LSTM's state on its way through the parameters of several configs; inactive ones are
    stepped over.
    """

    def __init__(self, net: Controller, rows: int) -> None:
        self._net = net
        self._hidden = self._cell = torch.zeros(rows, net._hidden)
        self._token = torch.zeros(rows, dtype=torch.long)
        self._next: tuple[Tensor, Tensor] = (self._hidden, self._cell)

    def logits(self, step: int) -> Tensor:
        """Log-probabilities of the parameter's choices, shape (rows, choices)."""
        net = self._net
        gates = (
            nn.functional.linear(net.embedding[self._token], net.input_weight, net.bias)
            + self._hidden @ net.recurrent_weight.T
        )
        let_in, keep, new, out = gates.chunk(4, dim=1)
        cell = keep.sigmoid() * self._cell + let_in.sigmoid() * new.tanh()
        hidden = out.sigmoid() * cell.tanh()
        self._next = (hidden, cell)
        scores = hidden @ net.heads[step] + net.head_bias[step]
        return scores.masked_fill(net._closed[step], -torch.inf).log_softmax(1)

    def go(self, step: int, chosen: Tensor) -> None:
        """Takes the choices of the parameter that `logits` was asked about."""
        active = chosen != INACTIVE
        self._hidden = torch.where(active[:, None], self._next[0], self._hidden)
        self._cell = torch.where(active[:, None], self._next[1], self._cell)
        self._token = torch.where(active, 1 + step * self._net._most + chosen, self._token)


def to_text(tensors: Mapping[str, Tensor]) -> str:
    """Tensors as text: their safetensors bytes in base 64."""
    return base64.b64encode(
        safetensors.save({name: tensor.detach().contiguous() for name, tensor in tensors.items()})
    ).decode()


def from_text(text: str) -> dict[str, Tensor]:
    """What `to_text` wrote."""
    tensors: dict[str, Tensor] = safetensors.load(base64.b64decode(text))
    return tensors


def _choices(parameter: Hyperparameter[Any, Any]) -> int:
    listed = parameters.listed_values(parameter)
    return BINS if listed is None else len(listed)


def _value(parameter: Hyperparameter[Any, Any], index: int, inside: float) -> Any:
    listed = parameters.listed_values(parameter)
    return (
        parameters.plain(parameter.to_value((index + inside) / BINS))
        if listed is None
        else listed[index]
    )


def _index(parameter: Hyperparameter[Any, Any], value: Any) -> int:
    listed = parameters.listed_values(parameter)
    return (
        min(int(float(parameter.to_vector(value)) * BINS), BINS - 1)
        if listed is None
        else listed.index(value)
    )
