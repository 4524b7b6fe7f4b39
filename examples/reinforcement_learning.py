"""Searches the policy network of RLlib's PPO.

    python examples/reinforcement_learning.py            # minutes on two cores
    python examples/reinforcement_learning.py --quick    # less than one
    python examples/reinforcement_learning.py --environment Acrobot-v1

What counts is the return after only 6,000 steps. The network by hand (`space.baseline`: two layers
of 64) is the search's first trial. The winner and it are then trained from scratch and play
episodes that no search has seen, beside random actions.
"""

import argparse
import os
from typing import Any

import numpy as np
import ray
import torch
from ray import tune
from torch import nn

from ray_nas.cluster import ProgressLine
from ray_nas.extras import extra
from ray_nas.retraining import retrain
from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import PolicySpace

with extra("examples", package="ray[rllib]", needed_by="examples/reinforcement_learning.py"):
    import gymnasium as gym
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.core.columns import Columns
    from ray.rllib.core.rl_module.apis import ValueFunctionAPI
    from ray.rllib.core.rl_module.rl_module import RLModuleSpec
    from ray.rllib.core.rl_module.torch import TorchRLModule


def policies(environment: str) -> PolicySpace:
    """The networks from an environment's observations to its actions."""
    env = gym.make(environment)
    # 1: a space in place of the network
    return PolicySpace(env.observation_space.shape[0], int(env.action_space.n), max_layers=3)


def search(environment: str, trials: int, iterations: int, seed: int) -> str:
    """An ordinary Tune experiment; returns its folder."""
    space = policies(environment)
    searcher = RegularizedEvolution(space, population_size=6, tournament_size=3, seed=seed)  # 2
    tuner = tune.Tuner(
        train,
        param_space={"environment": environment, "iterations": iterations, "seed": seed},
        tune_config=tune.TuneConfig(
            search_alg=searcher,  # 3: the searcher goes to Tune
            metric="score",
            mode="max",
            num_samples=trials,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(callbacks=[ProgressLine()], verbose=0),
    )
    return tuner.fit().experiment_path


class SearchedModule(TorchRLModule, ValueFunctionAPI):
    """RLlib's policy and value function around a network of the space."""

    def setup(self) -> None:
        self.network = policies(self.model_config["environment"]).build(self.model_config["net"])

    def _forward(self, batch: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {Columns.ACTION_DIST_INPUTS: self.network(batch[Columns.OBS])[0]}

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> torch.Tensor:
        return self.network(batch[Columns.OBS])[1]


def train(config: dict[str, Any]) -> None:
    """The trainable: trains a policy with PPO and reports its mean return."""
    torch.set_num_threads(1)
    environment = config["environment"]
    model = {"environment": environment, "net": policies(environment).own_parameters(config)}
    ppo = (
        PPOConfig()
        .environment(environment)
        .env_runners(num_env_runners=0, num_envs_per_env_runner=8)
        .learners(num_learners=0)
        .training(lr=1e-3, train_batch_size=2048, minibatch_size=256, num_epochs=6, gamma=0.98)
        .rl_module(rl_module_spec=RLModuleSpec(SearchedModule, model_config=model))
        .debugging(seed=config["seed"], log_level="ERROR")
        .build_algo()
    )
    for _ in range(config["iterations"]):
        ppo.train()
    network = ppo.get_module().network
    report = {"score": mean_return(environment, network, seed=100)}
    if config.get("final"):  # the test episodes are played only after the search
        report["test_score"] = mean_return(environment, network, seed=200)
    tune.report(report)
    ppo.stop()


def mean_return(
    environment: str, network: nn.Module | None, seed: int, episodes: int = 20
) -> float:
    """The mean return of the most probable actions; of random ones without a network."""
    env, total = gym.make(environment), 0.0
    env.action_space.seed(seed)
    for episode in range(episodes):
        observation, done = env.reset(seed=seed + episode)[0], False
        while not done:
            action = env.action_space.sample()
            if network is not None:
                with torch.no_grad():
                    action = network(torch.tensor(observation)[None])[0].argmax().item()
            observation, reward, ended, cut, _ = env.step(action)
            total, done = total + float(reward), ended or cut
    return total / episodes


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Searches, trains the winner and the network by hand again, and prints test figures."""
    parser = argparse.ArgumentParser(description="Searches the policy network of RLlib's PPO.")
    parser.add_argument("--environment", default="CartPole-v1", help="CartPole-v1 or Acrobot-v1")
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="3 trials of 1 iteration")
    options = parser.parse_args(arguments)
    trials, iterations, seeds = (3, 1, 1) if options.quick else (options.trials, 3, 3)
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # one line of progress, no banner
    if not ray.is_initialized():
        ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False)
    environment = options.environment
    folder = search(environment, trials, iterations, options.seed)
    again = retrain(folder, train, space=policies(environment), seeds=seeds, config={"final": True})
    figures = {
        "winner": again.values(again.winner, "test_score"),
        "hand_made": again.values("baseline", "test_score"),
        "trivial": [mean_return(environment, None, seed=200)],
    }
    print(f"mean return of 20 test episodes, trained from scratch ({seeds} times):")
    for name, values in figures.items():
        print(f"  {name:9} {np.mean(values):7.1f}  {np.round(values, 1)}")
    print(f"more about it: ray-nas report {folder}")
    return {name: float(np.mean(values)) for name, values in figures.items()}


if __name__ == "__main__":
    main()
