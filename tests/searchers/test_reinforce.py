import itertools
import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from ray import tune

from ray_nas.searchers import RandomSearch, Reinforce
from ray_nas.spaces import NASBench201

torch.set_num_threads(1)


def convolutions(config: dict[str, Any]) -> float:
    return float(sum(value == "nor_conv_3x3" for value in config.values()))


@pytest.mark.parametrize(
    "arguments", [{}, {"ppo": False, "learning_rate": 0.03}], ids=["ppo", "reinforce"]
)
def test_late_and_disordered_ends_are_learnt_from(
    arguments: dict[str, Any], cells: NASBench201
) -> None:
    searcher, order, live, values = (
        Reinforce(cells, "score", "max", seed=0, **arguments),
        random.Random(0),
        {},
        [],
    )
    for number in range(200):
        live[str(number)] = searcher.suggest(str(number))
        values.append(convolutions(live[str(number)]))
        if len(live) > 12:
            trial_id = order.choice(sorted(live))
            searcher.on_trial_complete(trial_id, {"score": convolutions(live.pop(trial_id))})
    assert np.mean(values[:40]) < 1.8
    assert np.mean(values[-40:]) > np.mean(values[:40]) + 0.8
    assert set(searcher._log_probs) == set(live)


def test_the_probability_at_the_time_of_the_proposal_is_kept(cells: NASBench201) -> None:
    searcher = Reinforce(cells, "score", "max", seed=0, batch_size=5)
    late = searcher.suggest("late")
    assert searcher._log_probs["late"] == pytest.approx(6 * math.log(1 / 5), abs=1e-5)
    for number in range(20):
        config = searcher.suggest(str(number))
        searcher.on_trial_complete(str(number), {"score": convolutions(config)})
    assert searcher._log_probs == {"late": pytest.approx(6 * math.log(1 / 5), abs=1e-5)}
    searcher.on_trial_complete("late", {"score": convolutions(late)})
    assert searcher._samples[-1].log_prob == pytest.approx(6 * math.log(1 / 5), abs=1e-5)
    now, _ = searcher._learner.controller(searcher._actions([late]))
    assert abs(float(now.detach()) - searcher._samples[-1].log_prob) > 0.01


def test_steps_raise_what_ranks_high_and_clipping_bounds_them(cells: NASBench201) -> None:
    searcher = Reinforce(cells, "score", "max", seed=0, entropy_bonus=0.0)
    searcher.suggest("0")
    configs = [
        dict.fromkeys(cells.config_space, operation) for operation in ("nor_conv_3x3", "none")
    ]
    actions, controller = searcher._actions(configs), searcher._learner.controller
    before = controller(actions)[0].detach()
    searcher._learner.step(actions, torch.tensor([1.0, -1.0]), before)
    after = controller(actions)[0].detach()
    assert after[0] > before[0]
    assert after[1] < before[1]
    weights = [parameter.detach().clone() for parameter in controller.parameters()]
    searcher._learner.optimizer.zero_grad()
    searcher._learner.optimizer = torch.optim.SGD(controller.parameters(), lr=0.1)
    searcher._learner.step(
        actions, torch.tensor([1.0, -1.0]), after + torch.tensor([-1.0, 1.0])
    )  # gone further than the clip already
    assert all(
        torch.equal(old, new) for old, new in zip(weights, controller.parameters(), strict=True)
    )


def test_the_soft_latency_target_is_mnasnets(cells: NASBench201) -> None:
    targets = {"latency_ms": (80.0, -0.07)}
    for mode, value, expected in (("max", 0.75, 0.75 * 2**-0.07), ("min", 0.75, -0.75 * 2**0.07)):
        for arguments, reported in (
            ({}, {"latency_ms": 160.0}),
            ({"costs": lambda config: {"latency_ms": 160.0}}, {}),
        ):
            searcher = Reinforce(cells, "score", mode, seed=0, soft_targets=targets, **arguments)
            searcher.suggest("0")
            searcher.on_trial_complete("0", {"score": value, **reported})
            assert searcher._samples[0].reward == pytest.approx(expected)
    for latency in ({}, {"latency_ms": math.nan}, {"latency_ms": 0.0}):
        searcher = Reinforce(cells, "score", "max", seed=0, soft_targets=targets)
        searcher.suggest("0")
        searcher.on_trial_complete("0", {"score": 0.75, **latency})
        assert searcher._samples[0].reward == -math.inf


def test_torchs_global_state_is_left_alone(cells: NASBench201) -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    searcher = Reinforce(cells, "score", "max", seed=0)
    for number in range(12):
        searcher.on_trial_complete(
            str(number), {"score": convolutions(searcher.suggest(str(number)))}
        )
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size.*0"),
        ({"window": 5}, "window must be an integer >= 10, got 5"),
        ({"learning_rate": 0.0}, "learning_rate.*0.0"),
        ({"clip_ratio": 1.0}, "clip_ratio.*1.0"),
        ({"hidden_size": 0}, "hidden_size.*0"),
        ({"soft_targets": {"latency": (0.0, -0.07)}}, r"soft_targets\['latency'\].* > 0, got 0.0"),
    ],
)
def test_wrong_arguments_are_refused_by_name(
    arguments: dict[str, Any], message: str, cells: NASBench201
) -> None:
    with pytest.raises(ValueError, match=message):
        Reinforce(cells, **arguments)


def test_architecture_and_tunes_own_domains_are_optimised_together(cells: NASBench201) -> None:
    def best(searcher: Any) -> float:
        searcher.set_search_properties(
            "loss",
            "min",
            {"arch": cells, "lr": tune.loguniform(1e-5, 1.0), "decay": tune.loguniform(1e-7, 1e-1)},
        )
        losses = []
        for number in itertools.count():
            config = searcher.suggest(str(number))
            losses.append(
                1
                - convolutions(config["arch"]) / 6
                + abs(np.log10(config["lr"]) + 2)
                + abs(np.log10(config["decay"]) + 4)
            )
            searcher.on_trial_complete(str(number), {"loss": losses[-1]})
            if number == 200:
                break
        return float(min(losses))

    found = np.mean([best(Reinforce(seed=seed)) for seed in range(2)])
    assert found < 0.6
    assert found < np.mean([best(RandomSearch(seed=seed)) for seed in range(4)]) - 0.2
