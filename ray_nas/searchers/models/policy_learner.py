"""Trains the controller by policy gradients: PPO's clipped objective, or plain REINFORCE.

PPO: Schulman et al., 2017, https://arxiv.org/abs/1707.06347.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ray_nas.searchers.models.controller import Controller
from ray_nas.spaces.core.search_space import SearchSpace
from ray_nas.trials.state_tensors import (
    load_optimizer_tensors,
    merge_parts,
    optimizer_tensors,
    select_part,
)


class PolicyLearner:
    """The controller with its generator and its optimizer.

    Args:
        space: The search space.
        hidden_size: Width of the controller's LSTM.
        seed: Seed of the initial weights and of the draws.
        learning_rate: Adam's learning rate.
        entropy_bonus: Weight of the distribution's entropy in the objective.
        clip_ratio: PPO's epsilon.
        ppo: Whether steps follow PPO's clipped objective, else REINFORCE.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> learner = PolicyLearner(
        ...     NASBench201(), 8, seed=0, learning_rate=0.1, entropy_bonus=0.0, clip_ratio=0.2,
        ...     ppo=True,
        ... )
        >>> actions = torch.zeros(1, 6, dtype=torch.long)
        >>> before = learner.log_probs(actions)
        >>> learner.step(actions, torch.ones(1), before)
        >>> bool(learner.log_probs(actions) > before)
        True
    """

    def __init__(
        self,
        space: SearchSpace,
        hidden_size: int,
        *,
        seed: int,
        learning_rate: float,
        entropy_bonus: float,
        clip_ratio: float,
        ppo: bool,
    ) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self.controller = Controller(space, hidden_size, self._generator)
        self.optimizer = torch.optim.Adam(self.controller.parameters(), lr=learning_rate)
        self._entropy_bonus = entropy_bonus
        self._clip_ratio = clip_ratio
        self._ppo = ppo

    @torch.no_grad()
    def log_probs(self, actions: Tensor) -> Tensor:
        """The current log-probabilities of encoded configs, shape (configs,).

        Args:
            actions: Encoded configs, shape (configs, parameters).
        """
        log_probs: Tensor = self.controller(actions)[0]
        return log_probs

    def step(self, actions: Tensor, advantages: Tensor, before: Tensor) -> None:
        """Makes one gradient step.

        Args:
            actions: Encoded configs, shape (trials, parameters).
            advantages: How much better each trial is than the others, shape (trials,).
            before: Log-probabilities at the time of the proposals, shape (trials,).
        """
        log_probs, entropies = self.controller(actions)
        ratios = (log_probs - before).clamp(max=20.0).exp()
        if self._ppo:  # Eq. (7) of PPO
            clipped = ratios.clamp(1 - self._clip_ratio, 1 + self._clip_ratio)
            gains = torch.minimum(ratios * advantages, clipped * advantages)
        else:  # REINFORCE, weighted for trials that end late
            gains = ratios.detach().clamp(max=1 + self._clip_ratio) * log_probs * advantages
        loss = -(gains + self._entropy_bonus * entropies).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def state_tensors(self) -> dict[str, Tensor]:
        """The weights, the optimizer's state and the generator's, by name."""
        parts = {
            "controller": self.controller.state_dict(),
            "adam": optimizer_tensors(self.optimizer),
        }
        return {**merge_parts(parts), "generator": self._generator.get_state()}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Restores what `state_tensors` returned; Adam may keep the very tensors."""
        self.controller.load_state_dict(select_part(tensors, "controller"))
        load_optimizer_tensors(self.optimizer, select_part(tensors, "adam"))
        self._generator.set_state(tensors["generator"])


def rank_advantages(rewards: Sequence[float]) -> list[float]:
    """Ranks from -1 (worst) to 1, exclusive; ties share their mean.

    Example:
        >>> rank_advantages([3.0, 5.0])
        [-0.5, 0.5]
    """
    _, groups, counts = np.unique(np.array(rewards), return_inverse=True, return_counts=True)
    middles = np.cumsum(counts) - (counts + 1) / 2
    return [float(rank) for rank in 2 * (middles[groups] + 0.5) / len(rewards) - 1]
