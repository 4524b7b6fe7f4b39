import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace

from ray_nas.estimators.proxies.core.architecture_features import architecture_features
from ray_nas.spaces import DARTS, MLPSpace, NASBench201, SearchSpace

SPACES = [
    NASBench201(channels=4, cells_per_stage=1),
    DARTS(),
    MLPSpace(inputs=4, outputs=2, max_layers=3),
    SearchSpace(ConfigurationSpace({"rate": (0.0, 1.0), "layer_0": ["a", "b"]})),
]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
def test_all_configs_have_the_same_finite_features(space: SearchSpace) -> None:
    rows = [architecture_features(space, space.sample(random_state=seed)) for seed in range(10)]
    assert len({tuple(row) for row in rows}) == 1
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    own = [value for name, value in rows[0].items() if name.startswith("features.")]
    assert own == space.features(space.sample(random_state=0)).tolist()


def test_values_chosen_in_several_places_are_counted() -> None:
    space = MLPSpace(inputs=4, outputs=2, max_layers=3, widths=(8, 16), dropouts=(0.0,))
    config = {"activation": "relu", "norm": "none", "depth": 2}
    for layer, width in enumerate((8, 8)):
        config |= {f"layer_{layer}.width": width, f"layer_{layer}.dropout": 0.0}
    features = architecture_features(space, config)
    assert features["count.layer_#.width=8"] == 2
    assert features["count.layer_#.width=16"] == 0


def test_cells_have_graph_features_and_raw_spaces_have_none() -> None:
    for space, expected in zip(SPACES, (True, True, False, False), strict=True):
        names = architecture_features(space, space.sample(random_state=0))
        assert any(name.startswith("graph.") for name in names) == expected
