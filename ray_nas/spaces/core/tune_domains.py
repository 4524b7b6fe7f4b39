"""Tune's domains (`tune.loguniform`, `tune.choice`, ...) as hyperparameters, and back."""

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
    Sampler,
)

from ray_nas.spaces.core.parameters import listed_values

_NORMAL_WIDTH: Final = 5.0
"""A normal domain is cut at this many standard deviations, so that [0, 1] can encode it."""


@dataclass(frozen=True)
class TuneParameter:
    """A Tune domain as a hyperparameter, and how values of one become values of the other.

    The hyperparameter of a choice of anything but plain values of one type has the text of its
    options as values; that of a quantised range has multiples of the step, counted.
    """

    hyperparameter: Hyperparameter[Any, Any]
    options: tuple[Any, ...] | None = None
    """Tune's values in the order of the hyperparameter's, if they differ."""
    step: float | int | None = None
    """The step of a quantised range."""

    def to_tune(self, value: Any) -> Any:
        """The value in the trial's config for a value of the hyperparameter."""
        if self.options is not None:
            return self.options[self._names().index(value)]
        if self.step is None:
            return value
        return value * self.step if isinstance(self.step, int) else round(value * self.step, 12)

    def _names(self) -> list[Any]:
        return listed_values(self.hyperparameter) or []

    def from_tune(self, value: Any) -> Any:
        """The hyperparameter's value for a value in a trial's config.

        An unknown value is returned unchanged; validation then refuses it by name.
        """
        if self.options is not None:
            pairs = zip(self._names(), self.options, strict=True)
            matches = [name for name, option in pairs if option == value]
            return str(matches[0]) if matches else value
        return value if self.step is None else round(value / self.step)


def from_domain(name: str, domain: Domain) -> TuneParameter:
    """The hyperparameter `name` for a domain of `param_space`.

    Raises:
        ValueError: A domain without bounds, an empty choice, or a choice of further domains.
    """
    if isinstance(domain, Categorical):
        return _choice(name, domain)
    if isinstance(domain, Float | Integer):
        return _range(name, domain)
    raise ValueError(
        f"param_space[{name!r}]: a {type(domain).__name__} cannot be searched here; "
        "use tune.choice or a number range"
    )


def _choice(name: str, domain: Categorical) -> TuneParameter:
    options = list(domain.categories)
    if not options:
        raise ValueError(f"param_space[{name!r}]: tune.choice needs at least one option")
    if any(holds_domain(option) for option in options):
        raise ValueError(
            f"param_space[{name!r}]: domains inside of tune.choice are not searched; describe them "
            "as a ConfigurationSpace with conditions and put SearchSpace(config_space) into "
            "param_space"
        )
    kinds = {type(option) for option in options}
    if kinds <= {str} or kinds <= {int} or kinds <= {float} or kinds <= {bool}:
        return TuneParameter(CategoricalHyperparameter(name, list(dict.fromkeys(options))))
    names = [repr(option) for option in options]
    if len(set(names)) < len(names):
        names = [f"{index}: {text}" for index, text in enumerate(names)]
    return TuneParameter(CategoricalHyperparameter(name, names), options=tuple(options))


def holds_domain(value: Any) -> bool:
    """Whether a value contains a Tune domain at any depth."""
    if isinstance(value, dict):
        return "grid_search" in value or any(holds_domain(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(holds_domain(item) for item in value)
    return isinstance(value, Domain)


def _range(name: str, domain: Float | Integer) -> TuneParameter:
    sampler = domain.get_sampler()  # type: ignore[no-untyped-call]
    step = None
    if isinstance(sampler, Quantized):
        step = sampler.q
        sampler = sampler.get_sampler()  # type: ignore[no-untyped-call]
    if isinstance(sampler, Normal):
        return _normal(name, sampler, step)
    low, high = domain.lower, domain.upper
    log = isinstance(sampler, LogUniform)
    if isinstance(domain, Integer) and step in (None, 1):  # Tune's upper end is exclusive here
        empty = f"[{low}, {high}) holds no integer"
        return _integers(name, int(low), int(high) - 1, log, None, empty)
    if step is not None:
        first = _index(low, step, math.ceil)
        last = _index(high, step, math.floor)
        empty = f"[{low}, {high}] holds no multiple of {step}"
        return _integers(name, first, last, log, step, empty)
    if not (float("-inf") < low < high < float("inf")):
        raise ValueError(
            f"param_space[{name!r}]: a range needs finite bounds with lower < upper, "
            f"got [{low}, {high}]"
        )
    return TuneParameter(UniformFloatHyperparameter(name, float(low), float(high), log=log))


def _normal(name: str, sampler: Normal, step: float | None) -> TuneParameter:
    low, high = (sampler.mean + sign * _NORMAL_WIDTH * sampler.sd for sign in (-1, 1))
    if step is None:
        return TuneParameter(
            NormalFloatHyperparameter(name, sampler.mean, sampler.sd, lower=low, upper=high)
        )
    first = round(low / step)
    last = round(high / step)
    if first == last:
        return TuneParameter(CategoricalHyperparameter(name, [first]), step=step)
    # ConfigSpace places first at 0 and last at 1, but draws each integer from an equal part of
    # [0, 1]. Moved to where these parts are, the normal distribution gives each integer the
    # probability that a value rounds to it.
    shrunk = (last - first) / (last - first + 1)
    mean = first + (sampler.mean / step - first + 0.5) * shrunk
    sd = sampler.sd / step * shrunk
    return TuneParameter(
        NormalIntegerHyperparameter(name, mean, sd, lower=first, upper=last), step=step
    )


def _index(bound: float, step: float, inwards: Callable[[float], int]) -> int:
    """The last multiple of `step` within a bound, in steps.

    As in Tune, a multiple may be outside of the bound by a rounding error.
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


class OwnSampler(Sampler):
    """Draws by the domain's own `sample`."""

    def sample(
        self, domain: Domain, config: Any = None, size: int = 1, random_state: Any = None
    ) -> Any:
        """One value, or a list of `size` values."""
        return domain.sample(config, size, random_state)
