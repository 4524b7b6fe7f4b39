"""What a predictor reads of an architecture: encoding, counts of choices, graphs of cells."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ray_nas.estimators.proxies.core.graph_features import graph_features
from ray_nas.spaces.core import parameters
from ray_nas.spaces.core.search_space import SearchSpace
from ray_nas.spaces.model.model_space import ModelSpace


def architecture_features(space: SearchSpace, config: Mapping[str, Any]) -> dict[str, float]:
    """Features of a config by name; every config of a space has the same names.

    They are the space's own `features`; where the same choice is made in several places
    (`layer_0.kernel`, `layer_1.kernel`), how often each value is chosen; and `graph_features` of
    the space's cells.

    Example:
        >>> from ray_nas.spaces import MLPSpace
        >>> space = MLPSpace(inputs=4, outputs=2, max_layers=2)
        >>> features = architecture_features(space, space.sample(random_state=0))
        >>> [name for name in features if "256" in name]
        ['count.layer_#.width=256']
    """
    own = {f"features.{index}": float(value) for index, value in enumerate(space.features(config))}
    return own | dict(_choice_counts(space, config)) | dict(_cell_features(space, config))


def _choice_counts(space: SearchSpace, config: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    groups: dict[str, list[str]] = {}
    for name in space.config_space:
        groups.setdefault(re.sub(r"\d+", "#", name), []).append(name)
    for group, names in groups.items():
        values = parameters.listed_values(space.config_space[names[0]])
        if len(names) > 1 and values is not None:
            chosen = [config[name] for name in names if name in config]
            for value in values:
                yield f"count.{group}={value}", float(chosen.count(value))


def _cell_features(space: SearchSpace, config: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    if isinstance(space, ModelSpace):
        for cell, graph in space.cell_graphs(config).items():
            for index, value in enumerate(graph_features(graph)):
                yield f"graph.{cell}.{index}", value
