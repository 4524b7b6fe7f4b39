"""The recurrent controller of NAS with reinforcement learning (Zoph & Le, 2017).

https://arxiv.org/abs/1611.01578. An LSTM goes through the parameters, parents first, and draws one
value after the other, each conditioned on the earlier ones.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from ConfigSpace.hyperparameters import Hyperparameter
from torch import Tensor, nn

from ray_nas.spaces.core import parameters
from ray_nas.spaces.core.search_space import Config, SearchSpace

BINS: Final = 16
"""A float, or an integer range too long to list, is drawn as one of this many equal parts of its
unit interval, and uniformly within it."""
INACTIVE: Final = -1
"""The index of an inactive parameter's choice."""
_INITIAL_RANGE: Final = 0.1


class Controller(nn.Module):
    """A distribution over the configs of a space; at first all values of a parameter are uniform.

    Probabilities include configs that forbidden clauses exclude.

    Args:
        space: The search space.
        hidden_size: Width of the LSTM.
        generator: Draws the initial weights and the configs.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> controller = Controller(NASBench201(), 8, torch.Generator().manual_seed(0))
        >>> configs = controller.sample(2)
        >>> log_probs, entropies = controller(controller.encode(configs))
        >>> log_probs.shape
        torch.Size([2])
    """

    _closed: Tensor
    """Which choices a parameter does not have, shape (parameters, most choices)."""

    def __init__(self, space: SearchSpace, hidden_size: int, generator: torch.Generator) -> None:
        super().__init__()
        self._space = space
        self._hidden_size = hidden_size
        self._generator = generator
        self._parameters_in_order = dict(space.config_space)
        self._conditional = {
            name: bool(space.config_space.parents_of[name]) for name in self._parameters_in_order
        }
        counts = torch.tensor([_choices(item) for item in self._parameters_in_order.values()])
        steps = len(counts)
        most = int(counts.max())
        self._most_choices = most
        self.register_buffer("_closed", torch.arange(most) >= counts[:, None], persistent=False)

        def uniform(*shape: int) -> nn.Parameter:
            values = torch.empty(shape)
            return nn.Parameter(
                values.uniform_(-_INITIAL_RANGE, _INITIAL_RANGE, generator=generator)
            )

        self.embedding = uniform(1 + steps * most, hidden_size)
        self.input_weight = uniform(4 * hidden_size, hidden_size)
        self.recurrent_weight = uniform(4 * hidden_size, hidden_size)
        self.bias = uniform(4 * hidden_size)
        self.heads = nn.Parameter(torch.zeros(steps, hidden_size, most))
        self.head_bias = nn.Parameter(torch.zeros(steps, most))

    def forward(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """The log-probabilities and the entropies of configs, both of shape (configs,).

        Args:
            actions: Encoded configs, shape (configs, parameters); see `encode`.
        """
        walk = _Walk(self, len(actions))
        log_probs = torch.zeros(len(actions))
        entropies = torch.zeros(len(actions))
        for step, chosen in enumerate(actions.T):
            logits = walk.logits(step)
            active = chosen != INACTIVE
            log_prob = logits.gather(1, chosen.clamp(min=0)[:, None])[:, 0]
            entropy = (logits.exp() * logits.masked_fill(self._closed[step], 0.0)).sum(1)
            log_probs = log_probs + torch.where(active, log_prob, 0.0)
            entropies = entropies - torch.where(active, entropy, 0.0)
            walk.advance(step, chosen)
        return log_probs, entropies

    @torch.no_grad()
    def sample(self, count: int, temperature: float = 1.0) -> list[Config]:
        """Draws configs, and drops those that forbidden clauses or rules exclude.

        Args:
            count: How many are drawn.
            temperature: Divides the logits: above 1 the distribution becomes flatter.

        Returns:
            At most `count` configs.
        """
        walk = _Walk(self, count)
        configs: list[Config] = [{} for _ in range(count)]
        for step, (name, parameter) in enumerate(self._parameters_in_order.items()):
            probabilities = (walk.logits(step) / temperature).softmax(1)
            chosen = torch.multinomial(probabilities, 1, generator=self._generator)[:, 0]
            positions = torch.rand(count, generator=self._generator).tolist()
            for row, config in enumerate(configs):
                if self._conditional[name] and name not in self._space.active(config):
                    chosen[row] = INACTIVE
                else:
                    config[name] = _value(parameter, int(chosen[row]), positions[row])
            walk.advance(step, chosen)
        return [config for config in configs if self._space.is_valid(config)]

    def encode(self, configs: Sequence[Mapping[str, Any]]) -> Tensor:
        """The index of each parameter's choice, -1 if it is inactive.

        Returns:
            Integers of shape (configs, parameters).
        """
        return torch.tensor(
            [
                [
                    _index(item, config[name]) if name in config else INACTIVE
                    for name, item in self._parameters_in_order.items()
                ]
                for config in configs
            ]
        )


class _Walk:
    """The LSTM's state as it goes through the parameters of several configs.

    A config's inactive parameters leave its state unchanged.
    """

    def __init__(self, net: Controller, rows: int) -> None:
        self._net = net
        self._hidden = torch.zeros(rows, net._hidden_size)
        self._cell = self._hidden
        self._token = torch.zeros(rows, dtype=torch.long)
        self._next: tuple[Tensor, Tensor] = (self._hidden, self._cell)

    def logits(self, step: int) -> Tensor:
        """Log-probabilities of the parameter's choices, shape (rows, choices)."""
        net = self._net
        gates = (
            nn.functional.linear(net.embedding[self._token], net.input_weight, net.bias)
            + self._hidden @ net.recurrent_weight.T
        )
        input_gate, forget_gate, candidate, output_gate = gates.chunk(4, dim=1)
        cell = forget_gate.sigmoid() * self._cell + input_gate.sigmoid() * candidate.tanh()
        hidden = output_gate.sigmoid() * cell.tanh()
        self._next = (hidden, cell)
        scores = hidden @ net.heads[step] + net.head_bias[step]
        return scores.masked_fill(net._closed[step], -torch.inf).log_softmax(1)

    def advance(self, step: int, chosen: Tensor) -> None:
        """Applies the choices for the parameter of the last call of `logits`, shape (rows,)."""
        active = chosen != INACTIVE
        self._hidden = torch.where(active[:, None], self._next[0], self._hidden)
        self._cell = torch.where(active[:, None], self._next[1], self._cell)
        self._token = torch.where(active, 1 + step * self._net._most_choices + chosen, self._token)


def _choices(parameter: Hyperparameter[Any, Any]) -> int:
    listed = parameters.listed_values(parameter)
    return BINS if listed is None else len(listed)


def _value(parameter: Hyperparameter[Any, Any], index: int, position: float) -> Any:
    """The value of a choice; `position` in [0, 1) is the place within a bin."""
    listed = parameters.listed_values(parameter)
    if listed is not None:
        return listed[index]
    return parameters.plain(parameter.to_value((index + position) / BINS))


def _index(parameter: Hyperparameter[Any, Any], value: Any) -> int:
    listed = parameters.listed_values(parameter)
    if listed is not None:
        return listed.index(value)
    return min(int(float(parameter.to_vector(value)) * BINS), BINS - 1)
