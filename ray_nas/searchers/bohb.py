"""BOHB (Falkner, Klein & Hutter, 2018): https://arxiv.org/abs/1807.01774, with HpBandSter's model.

The searcher is the Bayesian half; the HyperBand half is Tune's: `ASHAScheduler`,
`HyperBandForBOHB`, or any scheduler that stops trials early. Every report counts as an observation
on the budget that its `time_attr` says.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import Unpack

from ray_nas.checks import check_int
from ray_nas.searchers.core.arguments import SearcherArguments
from ray_nas.searchers.core.evaluation import Observation
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.searchers.core.searcher import ArchitectureSearcher, Space
from ray_nas.spaces.core.search_space import Config

if TYPE_CHECKING:
    from ray_nas.searchers.models.kernel_density import KDEModel


class BOHB(ArchitectureSearcher):
    """Proposes what is likely among the good configs and unlikely among the others, on the largest
    budget that has enough.

    Needs HpBandSter: `pip install "ray-nas[bohb]"`.

    Args:
        time_attr: The reported figure that is a trial's budget, best the one the scheduler goes by.
            Where it is not reported, all trials count as of one budget, each with its latest
            report.
        min_points_in_model: Fewest observations for each of the two densities, at least the number
            of parameters + 1.
        top_n_percent: How many percent of the observations are good, in (0, 100).
        num_samples: Candidates for each proposal.
        random_fraction: Probability of a random proposal, in [0, 1].
        bandwidth_factor: Widens the density that candidates are drawn from.
        min_bandwidth: Lower end of the densities' bandwidths, which keeps diversity.

    Raises:
        ImportError: HpBandSter is not installed.
        ValueError: An argument breaks a rule; the message names it.
    """

    def __init__(
        self,
        space: Space | None = None,
        metric: str | None = None,
        mode: str | None = None,
        *,
        time_attr: str = "training_iteration",
        min_points_in_model: int | None = None,
        top_n_percent: int = 15,
        num_samples: int = 64,
        random_fraction: float = 1 / 3,
        bandwidth_factor: float = 3.0,
        min_bandwidth: float = 1e-3,
        **common: Unpack[SearcherArguments],
    ) -> None:
        try:
            from ray_nas.searchers.models.kernel_density import KDEModel
        except ImportError as error:
            raise ImportError(
                'BOHB needs HpBandSter, which the extra "bohb" brings: pip install "ray-nas[bohb]"'
            ) from error
        if not 0 < top_n_percent < 100:
            raise ValueError(f"top_n_percent must be in (0, 100), got {top_n_percent}")
        check_int("num_samples", num_samples, low=1)
        if not 0.0 <= random_fraction <= 1.0:
            raise ValueError(f"random_fraction must be in [0, 1], got {random_fraction}")
        if bandwidth_factor <= 0 or not 0 < min_bandwidth < 0.5:
            raise ValueError(
                f"bandwidth_factor must be positive and min_bandwidth in (0, 0.5), got {bandwidth_factor} and {min_bandwidth}"
            )
        super().__init__(space, metric, mode, **common)
        self._time_attr = time_attr
        self._model: KDEModel | None = None
        self._model_arguments = {
            "min_points_in_model": min_points_in_model,
            "top_n_percent": top_n_percent,
            "num_samples": num_samples,
            "random_fraction": random_fraction,
            "bandwidth_factor": bandwidth_factor,
            "min_bandwidth": min_bandwidth,
        }

    @property
    def model(self) -> "KDEModel":
        """HpBandSter's generator with all observations; made when the space is known."""
        from ray_nas.searchers.models.kernel_density import KDEModel

        if self._model is None:
            self._model = KDEModel(self.space, self._rng, **self._model_arguments)  # type: ignore[arg-type]
        return self._model

    def _before_decision(self) -> None:
        self.model.refit()

    def _ask(self) -> Proposal:
        config, is_from_model = self.model.propose(self._is_new_config)
        return self._proposal(config, "model" if is_from_model else "random")

    def _is_new_config(self, config: Config) -> bool:
        return self._is_new(self._proposal(config, "model"))

    def _report(self, observation: Observation) -> None:
        reported = observation.metrics.get(self._time_attr)
        budget = (
            float(reported)
            if isinstance(reported, int | float | np.number) and np.isfinite(reported)
            else 0.0
        )
        self.model.observe(
            observation.trial_id, observation.proposal.config, budget, -observation.score
        )

    def _tell(self, observation: Observation) -> None:
        self._report(observation)

    def _rescore(self, scores: Mapping[str, float]) -> None:
        self.model.correct({trial_id: -score for trial_id, score in scores.items()})

    def _fail(self, trial_id: str) -> None:
        self.model.observe(trial_id, self.ledger.proposals[trial_id].config, 0.0, None)

    def _transfer(self, observations: Sequence[Observation]) -> None:
        """Another task is a budget below all others: its model serves until this task's own
        trials are enough for one.
        """
        for observation in observations:
            self.model.observe(
                observation.trial_id, observation.proposal.config, -1.0, -observation.score
            )

    def _get_state(self) -> dict[str, Any]:
        return {} if self._model is None else self._model.get_state()

    def _set_state(self, state: dict[str, Any]) -> None:
        self._model = None
        if state:
            self.model.set_state(
                state,
                {trial_id: proposal.config for trial_id, proposal in self.ledger.proposals.items()},
            )
