"""Places where Tune takes a space for a domain of numbers, or overlooks it: said by name, in
place of an error from inside Ray.
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from ray import tune
from ray.tune.schedulers import PopulationBasedTraining
from ray.tune.search.sample import Domain

from ray_nas.tune_internals.call_stack import locals_of


def refuse_as_mutation(kind: type[Domain]) -> None:
    """Looks at the scheduler of the `tune.run` that is calling.

    Population based training multiplies the values of a domain by factors, which fails for a dict
    in the middle of the experiment. Its constructor asks a domain nothing; the first that a space
    notices is that Tune copies or draws from it.

    Args:
        kind: Domains that are none of numbers.

    Raises:
        ValueError: The scheduler has such a one in `hyperparam_mutations`.
    """
    scheduler = locals_of(inspect.unwrap(tune.run).__code__).get("scheduler")
    if isinstance(scheduler, PopulationBasedTraining):
        for name in _places(scheduler._hyperparam_mutations, kind):
            raise ValueError(
                f"hyperparam_mutations[{name!r}] is a space of architectures, whose configs cannot be multiplied by factors: leave it out, "
                "and move by space.neighbors in custom_explore_fn (docs/population_based_training.md)"
            )


def check_resolved(config: Any) -> None:
    """Raises a TypeError if this is none of a trial's configs."""
    if isinstance(config, Domain):
        raise TypeError(
            f"config is {config!r} itself, not a config of it: Tune did not resolve it. Tune looks for domains in dicts of param_space, "
            "not inside of objects; put the space under a key of param_space, and hand its value over in the trainable"
        )
    if not isinstance(config, Mapping):
        raise TypeError(f"config must be a dict of parameter values, got {type(config).__name__}")


def _places(
    mutations: Mapping[str, Any], kind: type[Domain], path: tuple[str, ...] = ()
) -> Iterator[str]:
    for name, value in mutations.items():
        if isinstance(value, kind):
            yield ".".join((*path, str(name)))
        elif isinstance(value, Mapping):
            yield from _places(value, kind, (*path, str(name)))
