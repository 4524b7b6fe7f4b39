"""What a search is about: the space, the objectives, the limits, the costs, and what Tune adds."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ConfigSpace import ConfigurationSpace
from ray.tune.result import DEFAULT_METRIC

from ray_nas.checks import Limits, check_mode, check_objectives, checked_limits
from ray_nas.record.events import ExperimentStarted
from ray_nas.record.given_arguments import GivenArguments
from ray_nas.searchers.core.known_costs import CachedCosts, Costs
from ray_nas.searchers.core.objectives import Objectives
from ray_nas.searchers.core.proposal import Move, Proposal
from ray_nas.spaces.core.joint_space import constants_of, joint_space
from ray_nas.spaces.core.search_space import Config, SearchSpace
from ray_nas.state.state_file import StateError
from ray_nas.tune_internals.call_stack import metric_and_mode


class SearchProblem:
    """The search problem of one searcher.

    Args:
        owner: The searcher's class name, for error messages.
        space: The space; None if it is in Tune's `param_space`.
        metric: The metric to optimise; None if Tune has it.
        mode: "min" or "max"; None if Tune has it.
        objectives: Metric name to "min" or "max"; replaces metric and mode.
        constraints: Name of a cost or a metric to its limits.
        costs: Returns values known before training.

    Raises:
        TypeError: The space is not a space.
        ValueError: An argument breaks a rule; the message names it.
    """

    def __init__(
        self,
        owner: str,
        space: SearchSpace | ConfigurationSpace | None,
        metric: str | None,
        mode: str | None,
        objectives: Mapping[str, str] | None,
        constraints: Mapping[str, Limits] | None,
        costs: Costs | None,
    ) -> None:
        _check_goal(metric, mode, objectives)
        self._owner = owner
        self.own_space = _as_space(space)
        """The space given to the searcher."""
        self._space = self.own_space
        self._constants: dict[str, Any] = {}
        self.metric: str | None = metric
        self.mode: str | None = mode
        self._given_objectives = dict(objectives) if objectives is not None else None
        self._constraints = checked_limits(constraints)
        self._costs = CachedCosts(costs) if costs is not None else None
        self._merges_equivalent = len(objectives or ()) < 2
        """Whether configs that compute the same function are duplicates. They may differ in
        latency and memory, so with several objectives only the same config is one."""

    @property
    def space(self) -> SearchSpace:
        """Everything that is searched: the searcher's space joined with Tune's `param_space`.

        Raises:
            ValueError: There is no space yet.
        """
        if self._space is None:
            name = self._owner
            raise ValueError(
                f"{name} has no space: give it one, {name}(space), or put one into Tune's "
                'param_space, e.g. param_space={"arch": space}'
            )
        return self._space

    @property
    def has_own_objectives(self) -> bool:
        """Whether the user gave `objectives`, which replace metric and mode."""
        return self._given_objectives is not None

    @property
    def directions(self) -> dict[str, str]:
        """Metric name to "min" or "max", as far as known."""
        if self._given_objectives is not None:
            return dict(self._given_objectives)
        return {self.metric: self.mode or "max"} if self.metric is not None else {}

    @property
    def constraints(self) -> Mapping[str, Limits]:
        """Name of a cost or a metric to its limits."""
        return self._constraints

    def use_metric(self, metric: str | None, mode: str | None) -> None:
        """Adds Tune's metric and mode.

        Raises:
            ValueError: They contradict the searcher's own.
        """
        if self._given_objectives is not None or metric == DEFAULT_METRIC:
            return
        for name, own, given in (("metric", self.metric, metric), ("mode", self.mode, mode)):
            if own is not None and given is not None and own != given:
                raise ValueError(
                    f"{name} is {own!r} in the searcher and {given!r} in Tune: give it once"
                )
        self.metric = self.metric or metric
        self.mode = self.mode or mode

    def use_param_space(self, param_space: dict[str, Any]) -> None:
        """Joins the space with Tune's `param_space`.

        Raises:
            ValueError: It holds something that cannot be searched.
        """
        self._space = joint_space(self.own_space, param_space)
        self._constants = GivenArguments.of(constants_of(param_space)).values

    def complete(self) -> Objectives:
        """What is optimised, with the metric and mode of the running `tune.run` where needed.

        Raises:
            ValueError: The metric or the mode is missing.
        """
        self.use_metric(*metric_and_mode())
        if self._given_objectives is None and (self.metric is None or self.mode is None):
            missing = "metric" if self.metric is None else "mode"
            name = self._owner
            raise ValueError(
                f'{name} has no {missing}: give it one, {name}(space, metric="accuracy", '
                'mode="max"), or give both to Tune'
            )
        return Objectives(self.directions, self._constraints)

    def started_event(self, seed: int, given: GivenArguments) -> ExperimentStarted:
        """The first event of the record.

        Args:
            seed: The searcher's seed.
            given: Its arguments.
        """
        unrecorded = {name: what for name, what in given.unrecorded.items() if name != "space"}
        return ExperimentStarted(
            searcher=self._owner,
            space=self.space.fingerprint,
            objectives=self.directions,
            seed=seed,
            constraints={name: list(limits) for name, limits in self._constraints.items()},
            domains=self.space.domains,
            arguments={**given.values, "seed": seed},  # after a restore, the seed of its state
            unrecorded=unrecorded or None,
            constants=self._constants or None,
        )

    def proposal(self, config: Config, move: Move, parents: tuple[str, ...] = ()) -> Proposal:
        """A proposal with its duplicate key."""
        return Proposal(config, move, parents, self.duplicate_key(config))

    def duplicate_key(self, config: Config) -> str:
        """Equal for configs that count as duplicates of each other."""
        if self._merges_equivalent:
            return self.space.canonical(config)
        return json.dumps(config, sort_keys=True)

    def costs(self, config: Config) -> dict[str, float]:
        """The costs of a config that are known before training; empty without `costs`."""
        if self._costs is None:
            return {}
        return self._costs(self.space.to_tune(config))

    def get_state(self) -> dict[str, Any]:
        """What a restored search must share with this one, as JSON values."""
        return {
            "searcher": self._owner,
            "space": self._space.fingerprint if self._space else None,
            "objectives": self._given_objectives,
            "metric": self.metric,
            "mode": self.mode,
        }

    def set_state(self, path: Path, state: Mapping[str, Any]) -> None:
        """Restores metric and mode from a state that `get_state` returned.

        Args:
            path: The state's file, for error messages.
            state: The state.

        Raises:
            StateError: It belongs to another searcher, metric, mode or space.
        """
        if state["searcher"] != self._owner:
            raise StateError(
                f"{path} is the state of a {state['searcher']}, not of a {self._owner}"
            )
        if self._space is None:
            raise StateError(
                f"{path} was saved with a space in Tune's param_space: pass the same one, "
                "Tuner.restore(path, trainable, param_space={...}), or give it to the searcher"
            )
        if state["space"] not in (None, self._space.fingerprint):
            raise StateError(
                f"{path} was saved with another space (hash {state['space']}, now "
                f"{self._space.fingerprint}): restore with the space unchanged and the same "
                "param_space, or start a new experiment"
            )
        for name in ("objectives", "metric", "mode"):
            own = self._given_objectives if name == "objectives" else getattr(self, name)
            if own is not None and state[name] not in (None, own):
                raise StateError(
                    f"{path} was saved for {name} {state[name]!r}, this searcher has {own!r}"
                )
        self.metric = state["metric"]
        self.mode = state["mode"]


def _as_space(space: SearchSpace | ConfigurationSpace | None) -> SearchSpace | None:
    if isinstance(space, ConfigurationSpace):
        space = SearchSpace(space)
    if space is None:
        return None
    if not isinstance(space, SearchSpace):
        raise TypeError(
            "space must be a SearchSpace or a ConfigSpace.ConfigurationSpace, "
            f"got {type(space).__name__}"
        )
    if not len(space.config_space) or space.size == 0:
        raise ValueError("space has no parameters: there is nothing to search")
    return space


def _check_goal(metric: str | None, mode: str | None, objectives: Mapping[str, str] | None) -> None:
    if metric is not None and (not isinstance(metric, str) or not metric):
        raise ValueError(f"metric must be the name of a reported metric, got {metric!r}")
    if mode is not None:
        check_mode("mode", mode)
    if objectives is None:
        return
    if metric is not None or mode is not None:
        raise ValueError("objectives replaces metric and mode: give either, not both")
    check_objectives(objectives)
