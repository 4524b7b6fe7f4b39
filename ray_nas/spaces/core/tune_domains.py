"""Tune's own domains (`tune.loguniform`, `tune.choice`, ...) as ConfigSpace hyperparameters, and
back.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Hyperparameter,
    NormalFloatHyperparameter,
    NormalIntegerHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from ray.tune.search.sample import (
    Categorical,
    Domain,
    Float,
    Integer,
    LogUniform,
    Normal,
    Quantized,
)

from ray_nas.spaces.core.parameters import listed_values

_NORMAL_WIDTH: Final = 5.0
"""A normal domain is cut at this many standard deviations, since its values are encoded in [0,
1].
"""


@dataclass(frozen=True)
class TuneParameter:
    """A Tune domain as a hyperparameter, whose value it turns into what the trial's config holds.

    A choice of anything but plain values of one type goes by the text of its options, a quantised
    range by its index.
    """

    hyperparameter: Hyperparameter[Any, Any]
    options: tuple[Any, ...] | None = None
    step: float | int | None = None

    def to_tune(self, value: Any) -> Any:
        """What the trial's config holds for a value of the hyperparameter."""
        if self.options is not None:
            return self.options[self._names().index(value)]
        if self.step is None:
            return value
        return value * self.step if isinstance(self.step, int) else round(value * self.step, 12)

    def _names(self) -> list[Any]:
        return listed_values(self.hyperparameter) or []

    def from_tune(self, value: Any) -> Any:
        """The hyperparameter's value for what stands in a trial's config; unknown values pass,
        to be refused by name.
        """
        if self.options is not None:
            matches = [
                name
                for name, option in zip(self._names(), self.options or (), strict=True)
                if option == value
            ]
            return str(matches[0]) if matches else value
        return value if self.step is None else round(value / self.step)


def from_domain(name: str, domain: Domain) -> TuneParameter:
    """The hyperparameter `name` for a domain of `param_space`.

    Raises:
        ValueError: A domain without bounds, an empty choice, or one that holds further domains.
    """
    if isinstance(domain, Categorical):
        return _choice(name, domain)
    if isinstance(domain, Float | Integer):
        return _range(name, domain)
    raise ValueError(
        f"param_space[{name!r}]: a {type(domain).__name__} cannot be searched here; use tune.choice or a number range"
    )


def _choice(name: str, domain: Categorical) -> TuneParameter:
    options = list(domain.categories)
    if not options:
        raise ValueError(f"param_space[{name!r}]: tune.choice needs at least one option")
    if any(holds_domain(option) for option in options):
        raise ValueError(
            f"param_space[{name!r}]: domains inside of tune.choice are not searched; describe them as a ConfigurationSpace "
            "with conditions and put SearchSpace(config_space) into param_space"
        )
    kinds = {type(option) for option in options}
    if kinds <= {str} or kinds <= {int} or kinds <= {float} or kinds <= {bool}:
        return TuneParameter(CategoricalHyperparameter(name, list(dict.fromkeys(options))))
    names = [repr(option) for option in options]
    if len(set(names)) < len(names):
        names = [f"{index}: {text}" for index, text in enumerate(names)]
    return TuneParameter(CategoricalHyperparameter(name, names), options=tuple(options))


def holds_domain(value: Any) -> bool:
    """Whether there is something to search in a value, however deep."""
    if isinstance(value, dict):
        return "grid_search" in value or any(holds_domain(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(holds_domain(item) for item in value)
    return isinstance(value, Domain)


def _range(name: str, domain: Float | Integer) -> TuneParameter:
    sampler, step = domain.get_sampler(), None  # type: ignore[no-untyped-call]
    if isinstance(sampler, Quantized):
        sampler, step = sampler.get_sampler(), sampler.q  # type: ignore[no-untyped-call]
    if isinstance(sampler, Normal):
        return _normal(name, sampler, step)
    low, high = domain.lower, domain.upper
    log = isinstance(sampler, LogUniform)
    if isinstance(domain, Integer) and step in (None, 1):  # Tune's upper end is exclusive here
        return _integers(
            name, int(low), int(high) - 1, log, None, f"[{low}, {high}) holds no integer"
        )
    if step is not None:
        first, last = _index(low, step, math.ceil), _index(high, step, math.floor)
        return _integers(
            name, first, last, log, step, f"[{low}, {high}] holds no multiple of {step}"
        )
    if not (float("-inf") < low < high < float("inf")):
        raise ValueError(
            f"param_space[{name!r}]: a range needs finite bounds with lower < upper, got [{low}, {high}]"
        )
    return TuneParameter(UniformFloatHyperparameter(name, float(low), float(high), log=log))


def _normal(name: str, sampler: Normal, step: float | None) -> TuneParameter:
    low, high = (sampler.mean + sign * _NORMAL_WIDTH * sampler.sd for sign in (-1, 1))
    if step is None:
        return TuneParameter(
            NormalFloatHyperparameter(name, sampler.mean, sampler.sd, lower=low, upper=high)
        )
    first, last = round(low / step), round(high / step)
    if first == last:
        return TuneParameter(CategoricalHyperparameter(name, [first]), step=step)
    # ConfigSpace places first at 0 and last at 1, but draws each integer from an equal part of [0,
    # 1]. Moved to where these parts
    # lie, the normal distribution gives each the probability of being rounded to.
    shrunk = (last - first) / (last - first + 1)
    mean, sd = first + (sampler.mean / step - first + 0.5) * shrunk, sampler.sd / step * shrunk
    return TuneParameter(
        NormalIntegerHyperparameter(name, mean, sd, lower=first, upper=last), step=step
    )


def _index(bound: float, step: float, inwards: Callable[[float], int]) -> int:
    """How many steps the last multiple of `step` within a bound is; as in Tune, one may stand on
    it but for a rounding error.
    """
    nearest = round(bound / step)
    return nearest if math.isclose(bound / step, nearest) else inwards(bound / step)


def _integers(
    name: str, low: int, high: int, log: bool, step: float | int | None, empty: str
) -> TuneParameter:
    if low > high:
        raise ValueError(f"param_space[{name!r}]: the range {empty}")
    if low == high:
        return TuneParameter(CategoricalHyperparameter(name, [low]), step=step)
    return TuneParameter(
        UniformIntegerHyperparameter(name, low, high, log=log and low > 0), step=step
    )
