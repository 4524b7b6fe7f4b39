"""Neural architecture search with reinforcement learning (Zoph & Le, 2017):
https://arxiv.org/abs/1611.01578.

With proximal policy optimisation (Schulman et al., 2017, https://arxiv.org/abs/1707.06347) and the
soft latency target of MnasNet (Tan et al., 2019, https://arxiv.org/abs/1807.11626).
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from typing_extensions import Unpack

from ray_nas.checks import check_int
from ray_nas.searchers.core.arguments import SearcherArguments
from ray_nas.searchers.core.evaluation import Observation
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.searchers.core.searcher import ArchitectureSearcher, Space
from ray_nas.searchers.models.controller import Controller
from ray_nas.spaces.core.search_space import Config, SearchSpace
from ray_nas.trials.state_tensors import (
    load_optimizer_tensors,
    merge_parts,
    optimizer_tensors,
    select_part,
    tensors_from_text,
    tensors_to_text,
)

_DRAWS: Final = 8
"""Configs that are drawn at a time; the first new one is proposed."""
_TEMPERATURES: Final = (1.0, 1.0, 2.0, 4.0, 8.0)
"""Where a controller that has settled draws nothing new, its distribution is flattened more and
more.
"""


@dataclass(frozen=True)
class _Sample:
    trial_id: str
    score: float | None
    """None for a trial that failed, which is below all others."""
    factor: float
    """Of its soft targets."""
    log_prob: float
    """Of its config, under the controller as it was when the trial was proposed."""

    @property
    def reward(self) -> float:
        """What it is ranked by."""
        if self.score is None:
            return -math.inf
        return self.score * self.factor if self.score >= 0 else self.score / self.factor


class Reinforce(ArchitectureSearcher):
    """A recurrent controller draws configs and is trained by policy gradients on how they did.

    Rewards count by their rank among the last `window` trials, from -1 to 1: a moving baseline, and
    no scale to tune. A trial may end long after others that were proposed later: its gradient is
    weighted by how much more likely the controller has become to draw it since (the importance
    ratio), limited as in PPO. Configs that did not come from the controller count as if it had
    drawn them.

    Args:
        ppo: Every update makes `epochs` steps on the clipped objective over the last `window`
            trials; if False, plain REINFORCE: one step over the last `batch_size`.
        soft_targets: Name of a reported metric or a cost to (target T, exponent w): the reward is
            multiplied by (figure / T) ** w, e.g. {"latency_ms": (80.0, -0.07)} (MnasNet's equations
            2 and 3; for negative rewards, as of a minimised metric, it is divided). A trial whose
            figure is missing or not positive counts as failed.
        batch_size: How many trials end between updates.
        window: How many trials are ranked with one another, at least `batch_size`.
        epochs: Gradient steps of an update with PPO.
        learning_rate: Of Adam.
        entropy_bonus: Weight of the distribution's entropy in the objective.
        clip: PPO's epsilon, in (0, 1).
        hidden: Width of the controller's LSTM.
    """

    def __init__(
        self,
        space: Space | None = None,
        metric: str | None = None,
        mode: str | None = None,
        *,
        ppo: bool = True,
        soft_targets: Mapping[str, tuple[float, float]] | None = None,
        batch_size: int = 10,
        window: int = 50,
        epochs: int = 5,
        learning_rate: float = 0.01,
        entropy_bonus: float = 0.01,
        clip: float = 0.2,
        hidden: int = 64,
        **common: Unpack[SearcherArguments],
    ) -> None:
        for name, value in {"batch_size": batch_size, "epochs": epochs, "hidden": hidden}.items():
            check_int(name, value, low=1)
        if window < max(2, batch_size):
            raise ValueError(
                f"window must be at least 2 and at least batch_size = {batch_size}, got {window}"
            )
        if learning_rate <= 0 or entropy_bonus < 0 or not 0 < clip < 1:
            raise ValueError(
                f"learning_rate must be positive, entropy_bonus at least 0, clip in (0, 1); got {learning_rate}, {entropy_bonus}, {clip}"
            )
        for name, (target, _) in (soft_targets or {}).items():
            if target <= 0:
                raise ValueError(
                    f"soft_targets[{name!r}] must be (target, exponent) with a positive target, got {soft_targets}"
                )
        super().__init__(space, metric, mode, **common)
        self._ppo, self._soft_targets = ppo, dict(soft_targets or {})
        self._batch_size, self._epochs, self._learning_rate = batch_size, epochs, learning_rate
        self._entropy_bonus, self._clip, self._hidden = entropy_bonus, clip, hidden
        self._weights_seed = int(self._rng.integers(2**63))
        self._state: _Learner | None = None
        self._log_probs: dict[str, float] = {}
        """Of the trials in flight."""
        self._samples: deque[_Sample] = deque(maxlen=window)
        self._new = 0
        """How many of the samples came since the last update."""

    def _proposed(self, trial_id: str, proposal: Proposal) -> None:
        self._log_probs[trial_id] = self._log_prob(trial_id)

    def _ask(self) -> Proposal:
        for temperature in _TEMPERATURES:
            for config in self._learner.controller.sample(_DRAWS, temperature):
                proposal = self._proposal(config, "controller")
                if self._is_new(proposal):
                    return proposal
        return self._random_proposal()

    def _tell(self, observation: Observation) -> None:
        factor = self._factor(observation)
        self._learn(
            observation.trial_id, None if factor is None else observation.score, factor or 1.0
        )

    def _rescore(self, scores: Mapping[str, float]) -> None:
        for index, sample in enumerate(self._samples):
            if sample.score is not None and sample.trial_id in scores:
                self._samples[index] = replace(sample, score=scores[sample.trial_id])

    def _fail(self, trial_id: str) -> None:
        self._learn(trial_id, None, 1.0)

    def _transfer(self, observations: Sequence[Observation]) -> None:
        """Another task teaches the controller once, in random order, where an own trial is gone
        through many times.
        """
        order = [observations[int(index)] for index in self._rng.permutation(len(observations))]
        size = self._samples.maxlen or 1
        for start in range(0, len(order), size):
            part = order[start : start + size]
            actions = self._actions([observation.proposal.config for observation in part])
            with torch.no_grad():
                before, _ = self._learner.controller(actions)
            self._step(
                actions, torch.tensor([2 * observation.score - 1 for observation in part]), before
            )

    def _factor(self, observation: Observation) -> float | None:
        """The product of (figure / T) ** w over the soft targets; None if a figure is missing or
        not positive.
        """
        product, figures = 1.0, observation.metrics
        if any(name not in figures for name in self._soft_targets):
            figures = {**self.problem.costs(observation.proposal.config), **figures}
        for name, (target, exponent) in self._soft_targets.items():
            figure = float(figures.get(name, math.nan))
            if not 0 < figure < math.inf:
                return None
            product *= (figure / target) ** exponent  # Eq. (2)
        return product

    def _learn(self, trial_id: str, score: float | None, factor: float) -> None:
        log_prob = (
            self._log_probs.pop(trial_id)
            if trial_id in self._log_probs
            else self._log_prob(trial_id)
        )
        self._samples.append(_Sample(trial_id, score, factor, log_prob))
        self._new += 1
        if self._new >= self._batch_size:
            self._update()
            self._new = 0

    def _update(self) -> None:
        samples = list(self._samples)
        advantages = _ranks([sample.reward for sample in samples])
        if not self._ppo:
            samples, advantages = samples[-self._new :], advantages[-self._new :]
        actions = self._actions(
            [self.ledger.proposals[sample.trial_id].config for sample in samples]
        )
        before = torch.tensor([sample.log_prob for sample in samples])
        for _ in range(self._epochs if self._ppo else 1):
            self._step(actions, torch.tensor(advantages), before)

    def _step(self, actions: torch.Tensor, advantages: torch.Tensor, before: torch.Tensor) -> None:
        learner = self._learner
        log_probs, entropies = learner.controller(actions)
        ratios = (log_probs - before).clamp(max=20.0).exp()
        gains = torch.minimum(
            ratios * advantages, ratios.clamp(1 - self._clip, 1 + self._clip) * advantages
        )  # PPO, Eq. (7)
        if not self._ppo:
            gains = (
                ratios.detach().clamp(max=1 + self._clip) * log_probs * advantages
            )  # REINFORCE, weighted for late arrivals
        loss = -(gains + self._entropy_bonus * entropies).mean()
        learner.optimizer.zero_grad()
        loss.backward()
        learner.optimizer.step()

    def _log_prob(self, trial_id: str) -> float:
        with torch.no_grad():
            log_probs, _ = self._learner.controller(
                self._actions([self.ledger.proposals[trial_id].config])
            )
        return float(log_probs)

    def _actions(self, configs: Sequence[Config]) -> torch.Tensor:
        return self._learner.controller.encode(configs)

    @property
    def _learner(self) -> "_Learner":
        if self._state is None:
            self._state = _Learner(
                self.space, self._hidden, self._learning_rate, self._weights_seed
            )
        return self._state

    def _get_state(self) -> dict[str, Any]:
        return {
            "weights_seed": self._weights_seed,
            "learner": None
            if self._state is None
            else tensors_to_text(self._state.state_tensors()),
            "log_probs": self._log_probs,
            "samples": [list(astuple(sample)) for sample in self._samples],
            "new": self._new,
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self._weights_seed, self._state = state["weights_seed"], None
        if state["learner"] is not None:
            self._learner.load_state_tensors(tensors_from_text(state["learner"]))
        self._log_probs, self._new = dict(state["log_probs"]), state["new"]
        self._samples.clear()
        self._samples.extend(_Sample(*fields) for fields in state["samples"])


class _Learner:
    """The controller with its generator and its optimizer."""

    def __init__(self, space: SearchSpace, hidden: int, learning_rate: float, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self.controller = Controller(space, hidden, self._generator)
        self.optimizer = torch.optim.Adam(self.controller.parameters(), lr=learning_rate)

    def state_tensors(self) -> dict[str, torch.Tensor]:
        parts = {
            "controller": self.controller.state_dict(),
            "adam": optimizer_tensors(self.optimizer),
        }
        return {**merge_parts(parts), "generator": self._generator.get_state()}

    def load_state_tensors(self, tensors: Mapping[str, torch.Tensor]) -> None:
        self.controller.load_state_dict(select_part(tensors, "controller"))
        load_optimizer_tensors(self.optimizer, select_part(tensors, "adam"))
        self._generator.set_state(tensors["generator"])


def _ranks(rewards: Sequence[float]) -> list[float]:
    """Ranks from -1 (worst) to 1; ties share their mean."""
    _, places, counts = np.unique(np.array(rewards), return_inverse=True, return_counts=True)
    middles = np.cumsum(counts) - (counts + 1) / 2
    return [float(rank) for rank in 2 * (middles[places] + 0.5) / len(rewards) - 1]
