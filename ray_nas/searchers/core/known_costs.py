"""The user's `costs`, called once per config: it may build a network."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ray_nas.checks import number

Costs: TypeAlias = Callable[[dict[str, Any]], Mapping[str, float]]
"""Takes a trial's config, returns values known before training, e.g. parameters and FLOPs."""
_CACHE_SIZE: Final = 1_000
"""Configs whose costs are cached: candidates, and pending trials."""


class CachedCosts:
    """Calls the user's function once per config, although limits, sizes and rewards all need it.

    Args:
        costs: The function.

    Example:
        >>> costs = CachedCosts(lambda config: {"params": 10 * config["depth"]})
        >>> costs({"depth": 3})
        {'params': 30.0}
    """

    def __init__(self, costs: Costs) -> None:
        self._costs = costs
        self._cache: dict[str, dict[str, float]] = {}

    def __call__(self, trial_config: dict[str, Any]) -> dict[str, float]:
        """The costs of a trial's config.

        Raises:
            ValueError: The function did not return a dict of names to numbers.
        """
        key = json.dumps(trial_config, sort_keys=True, default=repr)
        if key not in self._cache:
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            values = self._costs(trial_config)
            is_mapping = isinstance(values, Mapping)
            if not is_mapping or any(number(value) is None for value in values.values()):
                raise ValueError(
                    f"costs must return a dict of names to numbers, got {values!r} "
                    f"for {trial_config}"
                )
            self._cache[key] = {name: float(value) for name, value in values.items()}
        return self._cache[key]
