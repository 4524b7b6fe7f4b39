"""BOHB (Falkner, Klein & Hutter, 2018): https://arxiv.org/abs/1807.01774, with HpBandSter's model.

The searcher is the Bayesian half; the HyperBand half is Tune's: `ASHAScheduler`,
`HyperBandForBOHB`, or any scheduler that stops trials early. Every report is an observation at the
budget that its `time_attr` gives.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import Unpack

from ray_nas.checks import check_float, check_int
from ray_nas.extras import extra
from ray_nas.searchers.core.arguments import SearcherArguments
from ray_nas.searchers.core.evaluation import Observation
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.searchers.core.searcher import ArchitectureSearcher, Space
from ray_nas.spaces.core.search_space import Config

if TYPE_CHECKING:
    from ray_nas.searchers.models.kernel_density import KDEModel


class BOHB(ArchitectureSearcher):
    """Proposes configs that are likely among the good ones and unlikely among the others.

    Both densities are fitted to the observations at the largest budget that has enough of them.
    Needs HpBandSter: `pip install "ray-nas[bohb]"`.

    Args:
        time_attr: The reported metric that is a trial's budget; best the scheduler's `time_attr`.
            If it is not reported, all trials count as one budget, each with its latest report.
        min_points_in_model: Fewest observations for each of the two densities. None for the number
            of parameters + 1, which is also the least.
        top_n_percent: Percentage of the observations that count as good, from 1 to 99.
        num_samples: Candidates drawn for each proposal.
        random_fraction: Probability of a random proposal, in [0, 1].
        bandwidth_factor: Widens the density that candidates are drawn from, positive.
        min_bandwidth: Lower limit of the bandwidths, in (0, 0.5): it keeps proposals diverse.

    Raises:
        ImportError: HpBandSter is not installed.
        ValueError: An argument breaks a rule; the message names it.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = BOHB(  # doctest: +SKIP
        ...     NASBench201(), metric="accuracy", mode="max", time_attr="epoch"
        ... )
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
        with extra("bohb", package="HpBandSter", needed_by="BOHB"):
            from ray_nas.searchers.models.kernel_density import KDEModel
        check_int("top_n_percent", top_n_percent, low=1, high=99)
        check_int("num_samples", num_samples, low=1)
        check_float("random_fraction", random_fraction, low=0, high=1)
        check_float("bandwidth_factor", bandwidth_factor, above=0)
        check_float("min_bandwidth", min_bandwidth, above=0, below=0.5)
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
        budget = observation.time(self._time_attr)
        self._observe(observation, 0.0 if budget is None else budget)

    def _tell(self, observation: Observation) -> None:
        self._report(observation)

    def _rescore(self, scores: Mapping[str, float]) -> None:
        self.model.correct({trial_id: -score for trial_id, score in scores.items()})

    def _fail(self, trial_id: str) -> None:
        self.model.observe(trial_id, self.ledger.proposals[trial_id].config, 0.0, None)

    def _transfer(self, observations: Sequence[Observation]) -> None:
        """Adds another task as a budget below all others.

        Its model is used until this task's own trials are enough for one.
        """
        for observation in observations:
            self._observe(observation, -1.0)

    def _observe(self, observation: Observation, budget: float) -> None:
        config = observation.proposal.config
        self.model.observe(observation.trial_id, config, budget, -observation.score)

    def _get_state(self) -> dict[str, Any]:
        return {} if self._model is None else self._model.get_state()

    def _set_state(self, state: dict[str, Any]) -> None:
        self._model = None
        if state:
            proposals = self.ledger.proposals.items()
            self.model.set_state(state, {trial_id: one.config for trial_id, one in proposals})
