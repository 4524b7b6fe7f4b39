"""`OneShot` keeps the contract of searchers, its sub-networks seen as the trials."""

import json
import math

from torch import nn

from ray_nas.searchers import OneShot, RegularizedEvolution
from ray_nas.spaces import LayerChoice, ModelSpace
from ray_nas.testing import SearcherContract


class Net(nn.Sequential):
    """125 networks, none of which computes what another does."""

    def __init__(self) -> None:
        layers = {
            "tanh": nn.Tanh,
            "conv": nn.ReLU,
            "sigmoid": nn.Sigmoid,
            "square": nn.Hardshrink,
            "linear": lambda: nn.Linear(4, 4),
        }
        super().__init__(*(LayerChoice(f"layer_{number}", layers) for number in range(3)))


SPACE = ModelSpace(Net)


class SubNetworks(OneShot):
    """Each trial evaluates one sub-network; the supernet is trained before the first."""

    def __init__(self, space: ModelSpace, **arguments: object) -> None:
        searcher = RegularizedEvolution(space, **arguments)
        super().__init__(
            space, searcher=searcher, evaluations=10_000, evaluations_per_trial=1, seed=0
        )

    def suggest(self, trial_id: str) -> dict | str:
        if not self._trials:
            super().suggest("supernet")
            super().on_trial_complete("supernet", {"weights": "checkpoint", "score": 0.5})
        config = super().suggest(trial_id)
        if not isinstance(config, dict) or config["phase"] != "evaluate":
            return "FINISHED"
        return next(iter(json.loads(config["sub_networks"]).values()))

    def on_trial_result(self, trial_id: str, result: dict) -> None:
        if "sub_networks" in result or trial_id == "supernet":
            super().on_trial_result(trial_id, result)

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False):
        if result and not error:
            result = {"sub_networks": json.dumps({f"{trial_id}/0": result})}
        super().on_trial_complete(trial_id, result, error)

    def _get_state(self) -> dict:
        return json.loads(json.dumps(super()._get_state()))


class TestOneShot(SearcherContract):
    def make_space(self) -> ModelSpace:
        return SPACE

    def make_searcher(self, space: ModelSpace, **arguments: object) -> SubNetworks:
        return SubNetworks(space, **arguments)

    def test_the_last_report_counts_if_none_comes_with_the_end(self) -> None:
        """Sub-networks report once, with their end: those without a result count as failed."""
        searcher = self._make()
        searcher.suggest("t0")
        searcher.on_trial_complete("t0")
        (trial,) = searcher.ledger.record.trials.values()
        assert (trial.trial_id, trial.status) == ("t0/0", "error")
        assert math.isnan(trial.metrics.get("score", math.nan))
