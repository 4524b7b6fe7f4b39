"""NAS with reinforcement learning (Zoph & Le, 2017): https://arxiv.org/abs/1611.01578.

With proximal policy optimisation (Schulman et al., 2017, https://arxiv.org/abs/1707.06347) and the
soft latency target of MnasNet (Tan et al., 2019, https://arxiv.org/abs/1807.11626).
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, Final

import torch
from torch import Tensor
from typing_extensions import Unpack

from ray_nas.checks import check_float, check_int
from ray_nas.searchers.core.arguments import SearcherArguments
from ray_nas.searchers.core.evaluation import Observation
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.searchers.core.searcher import ArchitectureSearcher, Space
from ray_nas.searchers.models.policy_learner import PolicyLearner, rank_advantages
from ray_nas.spaces.core.search_space import Config
from ray_nas.trials.state_tensors import tensors_from_text, tensors_to_text

_DRAWS: Final = 8
"""Configs drawn at a time; the first new one is proposed."""
_EVERY: Final = 4
"""Every fourth proposal ignores scores, until there is a window of results."""
_TEMPERATURES: Final = (1.0, 1.0, 2.0, 4.0, 8.0)
"""Temperatures of the successive attempts: a converged controller has to be flattened to draw
something new."""


@dataclass(frozen=True)
class _Sample:
    """An ended trial, as the controller learns from it."""

    trial_id: str
    score: float | None
    """None for a failed trial, which ranks below all others."""
    factor: float
    """The product of its soft targets."""
    log_prob: float
    """Log-probability of its config under the controller that proposed it."""

    @property
    def reward(self) -> float:
        """The score times the factor; a negative score is divided by it."""
        if self.score is None:
            return -math.inf
        return self.score * self.factor if self.score >= 0 else self.score / self.factor


class Reinforce(ArchitectureSearcher):
    """Trains a recurrent controller, which draws the configs, by policy gradients.

    A reward is a trial's rank among the last `window` trials, from -1 to 1: a moving baseline
    without a scale to tune. A trial may end long after others that were proposed later. So its
    gradient is weighted by how much more likely the controller has become to draw it since (the
    importance ratio), clipped as in PPO. Configs from elsewhere count as if the controller had
    drawn them.

    Args:
        ppo: Whether every update makes `epochs` steps on the clipped objective over the last
            `window` trials. If False, plain REINFORCE: one step over the last `batch_size`.
        soft_targets: Name of a reported metric or a cost to (target T, exponent w). The reward is
            multiplied by (value / T) ** w, e.g. {"latency_ms": (80.0, -0.07)} (MnasNet's equations
            2 and 3); a negative reward, as of a minimised metric, is divided by it. A trial whose
            value is missing or not positive counts as failed.
        batch_size: Ended trials between updates, at least 1.
        window: Trials that are ranked against each other, at least 2 and at least `batch_size`.
        epochs: Gradient steps of an update with PPO, at least 1.
        learning_rate: Adam's learning rate, positive.
        entropy_bonus: Weight of the distribution's entropy in the objective, at least 0.
        clip_ratio: PPO's epsilon, in (0, 1).
        hidden_size: Width of the controller's LSTM, at least 1.

    Raises:
        ValueError: An argument breaks a rule; the message names it.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = Reinforce(
        ...     NASBench201(), "accuracy", "max", soft_targets={"latency_ms": (80.0, -0.07)}, seed=0
        ... )
        >>> config = searcher.suggest("a")
        >>> searcher.on_trial_complete("a", {"accuracy": 0.9, "latency_ms": 95.0})
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
        clip_ratio: float = 0.2,
        hidden_size: int = 64,
        **common: Unpack[SearcherArguments],
    ) -> None:
        check_int("batch_size", batch_size, low=1)
        check_int("window", window, low=max(2, batch_size))
        check_int("epochs", epochs, low=1)
        check_float("learning_rate", learning_rate, above=0)
        check_float("entropy_bonus", entropy_bonus, low=0)
        check_float("clip_ratio", clip_ratio, above=0, below=1)
        check_int("hidden_size", hidden_size, low=1)
        for name, (target, exponent) in (soft_targets or {}).items():
            check_float(f"soft_targets[{name!r}][0], the target,", target, above=0)
            check_float(f"soft_targets[{name!r}][1], the exponent,", exponent)
        super().__init__(space, metric, mode, **common)
        self._ppo = ppo
        self._soft_targets = dict(soft_targets or {})
        self._batch_size = batch_size
        self._window = window
        self._epochs = epochs
        self._learning_rate = learning_rate
        self._entropy_bonus = entropy_bonus
        self._clip_ratio = clip_ratio
        self._hidden_size = hidden_size
        self._weights_seed = int(self._rng.integers(2**63))
        self._learner_if_built: PolicyLearner | None = None
        self._log_probs: dict[str, float] = {}
        """Log-probabilities of the pending trials' configs when they were proposed."""
        self._samples: deque[_Sample] = deque(maxlen=window)
        self._new = 0
        """Samples since the last update."""
        self._is_informed = False
        """Whether the controller has learnt scores that are known before the first trial."""

    @property
    def is_starting(self) -> bool:
        """Whether the controller has not been updated yet."""
        return len(self._samples) < self._batch_size

    def _proposed(self, trial_id: str, proposal: Proposal) -> None:
        self._log_probs[trial_id] = self._log_prob(trial_id)

    def _ask(self) -> Proposal:
        number = len(self.ledger.proposals)
        if self._is_informed and number % _EVERY == _EVERY - 1 and number < self._window:
            return self._random_proposal()
        for temperature in _TEMPERATURES:
            for config in self._learner.controller.sample(_DRAWS, temperature):
                proposal = self._proposal(config, "controller")
                if self._is_new(proposal):
                    return proposal
        return self._random_proposal()

    def _tell(self, observation: Observation) -> None:
        factor = self._factor(observation)
        if factor is None:
            self._fail(observation.trial_id)
        else:
            self._learn(observation.trial_id, observation.score, factor or 1.0)

    def _rescore(self, scores: Mapping[str, float]) -> None:
        for index, sample in enumerate(self._samples):
            if sample.score is not None and sample.trial_id in scores:
                self._samples[index] = replace(sample, score=scores[sample.trial_id])

    def _fail(self, trial_id: str) -> None:
        self._learn(trial_id, None, 1.0)

    def _transfer(self, observations: Sequence[Observation]) -> None:
        """Makes one pass over another task's trials, in random order."""
        order = [observations[int(index)] for index in self._rng.permutation(len(observations))]
        self._pass_over([one.proposal.config for one in order], [one.score for one in order])

    def _use_scores(self, configs: Sequence[Config], ranks: Sequence[float]) -> None:
        """Makes one pass over the candidates, which are in random order."""
        self._is_informed = True
        self._pass_over(configs, ranks)

    def _drop_scores(self) -> None:
        """Starts again with a new controller."""
        self._is_informed = False
        self._learner_if_built = None

    def _pass_over(self, configs: Sequence[Config], ranks: Sequence[float]) -> None:
        """Makes one step for each window of configs with their ranks in [0, 1]."""
        size = self._window
        for start in range(0, len(configs), size):
            actions = self._actions(configs[start : start + size])
            advantages = torch.tensor([2 * rank - 1 for rank in ranks[start : start + size]])
            self._learner.step(actions, advantages, self._learner.log_probs(actions))

    def _factor(self, observation: Observation) -> float | None:
        """The product of (value / T) ** w over the soft targets; None if a value is unusable."""
        values = observation.metrics
        if any(name not in values for name in self._soft_targets):
            values = {**self.problem.costs(observation.proposal.config), **values}
        product = 1.0
        for name, (target, exponent) in self._soft_targets.items():
            value = float(values.get(name, math.nan))
            if not 0 < value < math.inf:
                return None
            product *= (value / target) ** exponent  # Eq. (2)
        return product

    def _learn(self, trial_id: str, score: float | None, factor: float) -> None:
        """Adds an ended trial, and updates the controller after every `batch_size`."""
        log_prob = self._log_probs.pop(trial_id, None)
        if log_prob is None:
            log_prob = self._log_prob(trial_id)
        self._samples.append(_Sample(trial_id, score, factor, log_prob))
        self._new += 1
        if self._new >= self._batch_size:
            self._update()
            self._new = 0

    def _update(self) -> None:
        """Steps on the ranks of the last trials."""
        samples = list(self._samples)
        advantages = rank_advantages([sample.reward for sample in samples])
        if not self._ppo:
            samples = samples[-self._new :]
            advantages = advantages[-self._new :]
        proposals = self.ledger.proposals
        actions = self._actions([proposals[sample.trial_id].config for sample in samples])
        before = torch.tensor([sample.log_prob for sample in samples])
        for _ in range(self._epochs if self._ppo else 1):
            self._learner.step(actions, torch.tensor(advantages), before)

    def _log_prob(self, trial_id: str) -> float:
        """The log-probability of a trial's config under the current controller."""
        actions = self._actions([self.ledger.proposals[trial_id].config])
        return float(self._learner.log_probs(actions))

    def _actions(self, configs: Sequence[Config]) -> Tensor:
        return self._learner.controller.encode(configs)

    @property
    def _learner(self) -> PolicyLearner:
        """Built when the space is known."""
        if self._learner_if_built is None:
            self._learner_if_built = PolicyLearner(
                self.space,
                self._hidden_size,
                seed=self._weights_seed,
                learning_rate=self._learning_rate,
                entropy_bonus=self._entropy_bonus,
                clip_ratio=self._clip_ratio,
                ppo=self._ppo,
            )
        return self._learner_if_built

    def _get_state(self) -> dict[str, Any]:
        learner = self._learner_if_built
        return {
            "weights_seed": self._weights_seed,
            "learner": tensors_to_text(learner.state_tensors()) if learner else None,
            "log_probs": self._log_probs,
            "samples": [list(astuple(sample)) for sample in self._samples],
            "new": self._new,
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self._weights_seed = state["weights_seed"]
        self._learner_if_built = None
        if state["learner"] is not None:
            self._learner.load_state_tensors(tensors_from_text(state["learner"]))
        self._log_probs = dict(state["log_probs"])
        self._new = state["new"]
        self._samples.clear()
        self._samples.extend(_Sample(*fields) for fields in state["samples"])
