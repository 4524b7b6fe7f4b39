"""Clear errors where Tune treats a space as a domain of numbers, or does not resolve it."""

from collections.abc import Mapping
from typing import Any

from ray.tune.search.sample import Domain

from ray_nas.tune_internals.mutated_domains import mutated_domains


def refuse_as_mutation(kind: type[Domain]) -> None:
    """Raises if population based training would mutate a space.

    It multiplies a domain's values by factors, which fails for a dict in the middle of the
    experiment. Its constructor calls no method of a domain, so a space checks this when Tune first
    copies or samples it.

    Args:
        kind: The class of domains whose values are not numbers.

    Raises:
        ValueError: The running scheduler's `hyperparam_mutations` hold such a domain.
    """
    for name in mutated_domains(kind):
        raise ValueError(
            f"hyperparam_mutations[{name!r}] is a space of architectures, whose configs cannot be "
            "multiplied by factors: leave it out, and move by space.neighbors in "
            "custom_explore_fn (docs/population_based_training.md)"
        )


def check_resolved(config: Any) -> None:
    """Raises a TypeError if this is not a trial's config.

    Example:
        >>> check_resolved(3)
        Traceback (most recent call last):
        ...
        TypeError: config must be a dict of parameter values, got int
    """
    if isinstance(config, Domain):
        raise TypeError(
            f"config is {config!r} itself, not a config of it: Tune did not resolve it. Tune looks "
            "for domains in dicts of param_space, not inside objects: put the space under a key of "
            "param_space, and pass its value on in the trainable"
        )
    if not isinstance(config, Mapping):
        raise TypeError(f"config must be a dict of parameter values, got {type(config).__name__}")
