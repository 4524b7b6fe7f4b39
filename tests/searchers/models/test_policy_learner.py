import pytest
import torch

from ray_nas.searchers.models.policy_learner import PolicyLearner, rank_advantages
from ray_nas.spaces import NASBench201
from ray_nas.trials.state_tensors import tensors_from_text, tensors_to_text


def make(space: NASBench201, *, seed: int = 0, ppo: bool = True) -> PolicyLearner:
    more = {"learning_rate": 0.05, "entropy_bonus": 0.0, "clip_ratio": 0.2}
    return PolicyLearner(space, 8, seed=seed, ppo=ppo, **more)


@pytest.mark.parametrize("ppo", [True, False])
def test_a_step_raises_what_did_well_and_lowers_the_rest(cells: NASBench201, ppo: bool) -> None:
    learner = make(cells, ppo=ppo)
    actions = torch.tensor([[0] * 6, [4] * 6])
    before = learner.log_probs(actions)
    learner.step(actions, torch.tensor([1.0, -1.0]), before)
    after = learner.log_probs(actions)
    assert after[0] > before[0]
    assert after[1] < before[1]


def test_a_restored_learner_draws_and_learns_the_same(cells: NASBench201) -> None:
    first, second = make(cells), make(cells, seed=1)
    actions = torch.tensor([[1] * 6])
    first.step(actions, torch.ones(1), first.log_probs(actions))
    saved = tensors_to_text(first.state_tensors())
    second.load_state_tensors(tensors_from_text(saved))
    assert second.controller.sample(3) == first.controller.sample(3)
    for learner in (first, second):
        learner.step(actions, torch.ones(1), learner.log_probs(actions))
    assert torch.equal(first.log_probs(actions), second.log_probs(actions))


def test_ties_share_their_rank_and_ranks_sum_to_zero() -> None:
    ranks = rank_advantages([2.0, -float("inf"), 2.0, 5.0])
    assert ranks == pytest.approx([0.0, -0.75, 0.0, 0.75])
