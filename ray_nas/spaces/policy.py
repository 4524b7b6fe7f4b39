"""Networks for reinforcement learning: Q-networks and actor-critic policies.

Dueling Q-networks (Wang et al., 2016), https://arxiv.org/abs/1511.06581; what matters in on-policy
learning (Andrychowicz et al., 2021), https://arxiv.org/abs/2006.05990
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import torch
from torch import nn

from ray_nas.spaces.core.validity import Config
from ray_nas.spaces.model.choice_context import label_prefix
from ray_nas.spaces.model.choices import LayerChoice, Repeat, ValueChoice
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes

KINDS: Final = ("policy", "q")
_ACTIVATIONS: Final[dict[str, Callable[[], nn.Module]]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "elu": nn.ELU,
}


class PolicySpace(ModelSpace):
    """Fully connected networks from observations to actions.

    Inputs are observations (batch, observations). With `kind="policy"` a network returns a pair:
    the policy's outputs (batch, outputs), logits or means, and the value of the observation
    (batch). `trunk` is "shared", or "separate" for a critic with layers of its own. With `kind="q"`
    it returns the value of each action (batch, outputs), and `head` is "plain" or "dueling". Either
    has `activation`, and `depth` layers with a `layer_i.width` each; a separate critic has
    `value.depth` and `value.layer_i.width`.

    The `baseline` has two layers of the width nearest to 64, tanh and a separate critic; a
    Q-network has ReLU and a plain head.

    Args:
        observations: Entries of an observation.
        outputs: Number of actions, or of the parameters of their distribution.
        kind: "policy" or "q".
        widths: Units that a layer may have.
        max_layers: Most layers, at least 1.

    Raises:
        ValueError: `kind` is another one, or a number is below 1.

    Example:
        >>> import torch
        >>> space = PolicySpace(4, 2, max_layers=2)
        >>> logits, value = space.build(space.baseline)(torch.zeros(3, 4))
        >>> logits.shape, value.shape
        (torch.Size([3, 2]), torch.Size([3]))
    """

    def __init__(
        self,
        observations: int,
        outputs: int,
        *,
        kind: str = "policy",
        widths: Sequence[int] = (16, 32, 64, 128, 256),
        max_layers: int = 4,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        check_sizes(observations=observations, outputs=outputs, max_layers=max_layers)
        network = _ActorCritic if kind == "policy" else _QNetwork
        super().__init__(partial(network, observations, outputs, tuple(widths), max_layers))
        self.input_shape = (observations,)

    @property
    def baseline(self) -> Config:
        """Two layers of about 64 units."""
        wanted: dict[str, Any] = {"head": "plain", "trunk": "separate"}
        wanted["activation"] = "tanh" if "trunk" in self.domains else "relu"
        for name, domain in self.domains.items():
            if name.endswith("depth"):
                wanted[name] = min(2, max(domain["values"]))
            elif name.endswith("width"):
                wanted[name] = min(domain["values"], key=lambda width: abs(width - 64))
        return self.complete({name: wanted[name] for name in wanted if name in self.domains})


class _Layers(nn.Module):
    """Layers, each of its own width; `width` is the last one's."""

    def __init__(
        self,
        inputs: int,
        widths: tuple[int, ...],
        max_layers: int,
        activation: Callable[[], nn.Module],
    ) -> None:
        super().__init__()
        sizes = [inputs]

        def layer(index: int) -> nn.Module:
            with label_prefix(f"layer_{index}"):
                sizes.append(ValueChoice("width", widths))
            return nn.Sequential(nn.Linear(sizes[-2], sizes[-1]), activation())

        self.layers = Repeat("depth", 1, max_layers, layer)
        self.width = sizes[len(self.layers)]

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.layers(values)  # type: ignore[no-any-return]


class _ActorCritic(nn.Module):
    def __init__(
        self, observations: int, outputs: int, widths: tuple[int, ...], max_layers: int
    ) -> None:
        super().__init__()
        activation = ValueChoice("activation", _ACTIVATIONS)
        layers = partial(_Layers, observations, widths, max_layers, activation)
        self.actor = layers()
        self.policy = nn.Linear(self.actor.width, outputs)

        def separate() -> nn.Module:
            with label_prefix("value"):
                return _SeparateCritic(layers())

        shared = partial(_SharedCritic, self.actor.width)
        self.critic = LayerChoice("trunk", {"shared": shared, "separate": separate})

    def forward(self, observations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values = self.actor(observations)
        return self.policy(values), self.critic(observations, values).squeeze(1)


class _SharedCritic(nn.Module):
    """Reads the actor's last layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.value = nn.Linear(width, 1)

    def forward(self, observations: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return self.value(values)  # type: ignore[no-any-return]


class _SeparateCritic(nn.Module):
    """Reads the observation, through layers of its own."""

    def __init__(self, layers: _Layers) -> None:
        super().__init__()
        self.layers, self.value = layers, nn.Linear(layers.width, 1)

    def forward(self, observations: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return self.value(self.layers(observations))  # type: ignore[no-any-return]


class _QNetwork(nn.Sequential):
    def __init__(
        self, observations: int, outputs: int, widths: tuple[int, ...], max_layers: int
    ) -> None:
        layers = _Layers(observations, widths, max_layers, ValueChoice("activation", _ACTIVATIONS))
        heads: dict[str, Callable[[], nn.Module]] = {
            "plain": partial(nn.Linear, layers.width, outputs),
            "dueling": partial(_Dueling, layers.width, outputs),
        }
        super().__init__(layers, LayerChoice("head", heads))


class _Dueling(nn.Module):
    """The value of the observation, and what each action adds to it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.value, self.advantage = nn.Linear(inputs, 1), nn.Linear(inputs, outputs)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        advantage = self.advantage(values)
        return self.value(values) + advantage - advantage.mean(1, keepdim=True)  # type: ignore[no-any-return]
