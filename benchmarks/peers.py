"""Searchers of Optuna, HpBandSter, SMAC3 and Syne Tune behind one interface.

All run with their own defaults; each package is imported only when its searcher is made.
`query_efficiency.py` compares them.
"""

import contextlib
import copy
import importlib.util
import io
import logging
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import ConfigSpace as CS
import numpy as np
from ConfigSpace.hyperparameters import CategoricalHyperparameter, OrdinalHyperparameter

from ray_nas.searchers.registry import SEARCHERS
from ray_nas.spaces import SearchSpace
from ray_nas.spaces.core.parameters import listed_values, plain

Config = dict[str, Any]


class Peer(Protocol):
    """Proposes configs by query number; values (larger is better) may come back out of order."""

    def ask(self, number: int) -> Config | None:
        """The config of a query, or None when there are no more."""

    def tell(self, number: int, value: float) -> None:
        """The value of a query."""


class Ours:
    """A searcher of ray_nas, called as Tune calls it, with its defaults except `arguments`."""

    def __init__(
        self, name: str, space: SearchSpace, seed: int, arguments: Mapping[str, Any] | None = None
    ) -> None:
        make = SEARCHERS[name]
        self._searcher = make(space, "value", "max", seed=seed, **(arguments or {}))

    def ask(self, number: int) -> Config | None:
        """See `Peer`."""
        config = self._searcher.suggest(str(number))
        return config if isinstance(config, dict) else None

    def tell(self, number: int, value: float) -> None:
        """See `Peer`."""
        self._searcher.on_trial_complete(
            trial_id=str(number), result={"value": value, "training_iteration": 1}
        )


class Optuna:
    """A sampler of Optuna; ordered values are represented by their index."""

    def __init__(self, sampler: str, space: SearchSpace, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._study = optuna.create_study(
                direction="maximize", sampler=getattr(optuna.samplers, sampler)(seed=seed)
            )
        self._space = space
        self._trials: dict[int, Any] = {}

    def ask(self, number: int) -> Config | None:
        """See `Peer`."""
        trial = self._trials[number] = self._study.ask()
        config: Config = {}
        for name, parameter in self._space.config_space.items():
            if name in self._space.active(config):
                config[name] = self._suggest(trial, name, parameter)
        return config

    def tell(self, number: int, value: float) -> None:
        """See `Peer`."""
        self._study.tell(self._trials.pop(number), value)

    def _suggest(self, trial: Any, name: str, parameter: Any) -> Any:
        listed = listed_values(parameter)
        if isinstance(parameter, CategoricalHyperparameter):
            return trial.suggest_categorical(name, listed)
        if listed is not None:
            return listed[trial.suggest_int(name, 0, len(listed) - 1)]
        suggest = (
            trial.suggest_int
            if isinstance(parameter, CS.UniformIntegerHyperparameter)
            else trial.suggest_float
        )
        return suggest(name, parameter.lower, parameter.upper, log=parameter.log)


class HpBandSter:
    """HpBandSter's unmodified BOHB model on one budget.

    Ordinals, which it rejects, are represented by their index. It draws from numpy's global
    generator, so that is seeded here.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from hpbandster.optimizers.config_generators.bohb import BOHB

            self._sequences: dict[str, list[Any]] = {}
            config_space = self._without_ordinals(space.config_space, seed)
            np.random.seed(seed)  # noqa: NPY002
            logger = logging.getLogger("hpbandster-stock")
            logger.setLevel(logging.CRITICAL)
            self._model = BOHB(configspace=config_space, logger=logger)
            self._configs: dict[int, Config] = {}

    def _without_ordinals(
        self, config_space: CS.ConfigurationSpace, seed: int
    ) -> CS.ConfigurationSpace:
        result = CS.ConfigurationSpace(seed=seed)
        for name, parameter in config_space.items():
            if isinstance(parameter, OrdinalHyperparameter):
                self._sequences[name] = [plain(value) for value in parameter.sequence]
                result.add(CS.UniformIntegerHyperparameter(name, 0, len(parameter.sequence) - 1))
            else:
                result.add(parameter)
        if config_space.conditions and self._sequences:
            raise ValueError("HpBandSter: ordinals and conditions in one space are not translated")
        result.add(*config_space.conditions, *config_space.forbidden_clauses)
        return result

    def ask(self, number: int) -> Config | None:
        """See `Peer`."""
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            config = dict(self._model.get_config(1.0)[0])
        self._configs[number] = config
        return {
            name: self._sequences[name][int(value)] if name in self._sequences else plain(value)
            for name, value in config.items()
            if value is not None
        }

    def tell(self, number: int, value: float) -> None:
        """See `Peer`."""
        from hpbandster.core.dispatcher import Job

        job = Job((0, 0, number), config=self._configs.pop(number), budget=1.0)
        job.result, job.exception = {"loss": -value}, None
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            self._model.new_result(job)


class SMAC:
    """SMAC3's facade for hyperparameters: a random forest on the unmodified space.

    Conditions and forbidden clauses apply. Its Sobol design has at most 25 queries, a quarter of
    a scenario's default of 100. It never repeats a config.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        from smac import HyperparameterOptimizationFacade, Scenario

        logging.getLogger("smac").setLevel(logging.ERROR)
        folder = Path(tempfile.mkdtemp(prefix="smac-"))
        weakref.finalize(self, shutil.rmtree, folder)
        # A copy, since SMAC seeds the space it is given.
        config_space = copy.deepcopy(space.config_space)
        scenario = Scenario(config_space, deterministic=True, output_directory=folder, seed=seed)
        self._smac = HyperparameterOptimizationFacade(scenario, logging_level=False)
        self._trials: dict[int, Any] = {}

    def ask(self, number: int) -> Config | None:
        """See `Peer`."""
        from smac.main.exceptions import ConfigurationSpaceExhaustedException

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                trial = self._trials[number] = self._smac.ask()
            except (ConfigurationSpaceExhaustedException, StopIteration):
                # StopIteration is raised when it is asked again.
                return None
        return {name: plain(value) for name, value in dict(trial.config).items()}

    def tell(self, number: int, value: float) -> None:
        """See `Peer`."""
        from smac.runhistory.dataclasses import TrialValue

        self._smac.tell(self._trials.pop(number), TrialValue(cost=-value), save=False)


class SyneTune:
    """A scheduler of Syne Tune, which knows no conditions.

    It sees every parameter, the table only the active ones. Listed values are represented by their
    index, since Syne Tune requires values of one type. Random configs come from numpy's global
    generator, so that is seeded here. REA's population is 100 by default: its first 100 queries
    are random search.
    """

    def __init__(self, scheduler: str, space: SearchSpace, seed: int) -> None:
        from syne_tune.optimizer import baselines
        from syne_tune.optimizer.schedulers.ask_tell_scheduler import AskTellScheduler

        np.random.seed(seed)  # noqa: NPY002
        values = {name: listed_values(parameter) for name, parameter in space.config_space.items()}
        self._listed = {name: listed for name, listed in values.items() if listed is not None}
        domains = {
            name: self._domain(name, parameter) for name, parameter in space.config_space.items()
        }
        made = getattr(baselines, scheduler)(
            domains, metric="value", do_minimize=False, random_seed=seed
        )
        self._scheduler, self._space = AskTellScheduler(made), space
        self._trials: dict[int, Any] = {}

    def ask(self, number: int) -> Config | None:
        """See `Peer`."""
        trial = self._trials[number] = self._scheduler.ask()
        config: Config = {}
        for name in self._space.config_space:
            if name in self._space.active(config):
                value = plain(trial.config[name])
                config[name] = self._listed[name][value] if name in self._listed else value
        return config

    def tell(self, number: int, value: float) -> None:
        """See `Peer`."""
        self._scheduler.tell(self._trials.pop(number), {"value": value})

    def _domain(self, name: str, parameter: Any) -> Any:
        from syne_tune import config_space

        if name in self._listed:
            count = len(self._listed[name])
            if count == 1:
                return 0
            nominal = isinstance(parameter, CategoricalHyperparameter)
            return (
                config_space.choice(list(range(count)))
                if nominal
                else config_space.randint(0, count - 1)
            )
        if isinstance(parameter, CS.UniformIntegerHyperparameter):
            domain = config_space.lograndint if parameter.log else config_space.randint
        else:
            domain = config_space.loguniform if parameter.log else config_space.uniform
        return domain(parameter.lower, parameter.upper)


Maker = Callable[[SearchSpace, int], Peer]
OTHERS: dict[str, tuple[str, str, Maker]] = {
    "OptunaTPE": ("optuna", "peers", partial(Optuna, "TPESampler")),
    "OptunaNSGA2": ("optuna", "peers", partial(Optuna, "NSGAIISampler")),
    "HpBandSter": ("hpbandster", "bohb", HpBandSter),
    "SMAC": ("smac", "peers", SMAC),
    "SyneTuneBORE": ("syne_tune", "peers", partial(SyneTune, "BORE")),
    "SyneTuneREA": ("syne_tune", "peers", partial(SyneTune, "REA")),
}
"""By searcher of another package: its module, the extra that installs it, and its maker."""


def peers() -> Mapping[str, Maker]:
    """Every searcher that can run here, by name."""
    found: dict[str, Maker] = {name: partial(Ours, name) for name in SEARCHERS}
    found.update(
        {
            name: make
            for name, (module, _, make) in OTHERS.items()
            if importlib.util.find_spec(module)
        }
    )
    return found


def why_unknown(name: str) -> str:
    """The error message for a name that is not among `peers`."""
    if name in OTHERS:
        module, extra, _ = OTHERS[name]
        return (
            f"{name} needs the package {module}, which is not installed: "
            f"pip install 'ray-nas[{extra}]'"
        )
    return f"{name} is not in {', '.join(peers())}"
