"""The domains that Tune's population based training mutates in the running experiment.

Its scheduler copies them without a call that a domain could answer, and keeps them in the private
attribute `_hyperparam_mutations`. The scheduler is an argument of the running `tune.run`.

`tests/tune_internals/test_mutated_domains.py` fails when Ray changes this.
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from ray import tune
from ray.tune.schedulers import PopulationBasedTraining
from ray.tune.search.sample import Domain

from ray_nas.tune_internals.call_stack import locals_of


def mutated_domains(kind: type[Domain]) -> list[str]:
    """The dotted names of the domains of a kind in the running scheduler's mutations.

    Args:
        kind: A class of domains.

    Returns:
        The names; empty outside of `tune.run`, or with another scheduler.
    """
    scheduler = locals_of(inspect.unwrap(tune.run).__code__).get("scheduler")
    if not isinstance(scheduler, PopulationBasedTraining):
        return []
    return list(_names(scheduler._hyperparam_mutations, kind))


def _names(
    mutations: Mapping[str, Any], kind: type[Domain], path: tuple[str, ...] = ()
) -> Iterator[str]:
    for name, value in mutations.items():
        if isinstance(value, kind):
            yield ".".join((*path, str(name)))
        elif isinstance(value, Mapping):
            yield from _names(value, kind, (*path, str(name)))
