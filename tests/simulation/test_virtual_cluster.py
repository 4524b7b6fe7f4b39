"""The description of a cluster is checked when it is made."""

from typing import Any

import ConfigSpace as CS
import pytest

from ray_nas.searchers import RandomSearch
from ray_nas.simulation import VirtualCluster, simulate


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"nodes": []}, "nodes must hold at least one"),
        ({"repair_seconds": -1}, "repair_seconds must be a finite number >= 0, got -1"),
        (
            {"repair_seconds": float("nan")},
            "repair_seconds must be a finite number >= 0, got nan",
        ),
        ({"max_pending": 0}, "max_pending must be an integer >= 1, got 0"),
        ({"max_failures": -2}, "max_failures must be an integer >= -1"),
        ({"checkpoint_frequency": -1}, "checkpoint_frequency must be an integer >= 0"),
        ({"mean_uptime": 0}, "mean_uptime must be a finite number > 0, got 0"),
        ({"outages": [(1.0, 1)]}, "index of a node < 1"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VirtualCluster(**{"nodes": [{"CPU": 1}], **arguments})


def test_a_cluster_replaces_workers() -> None:
    searcher = RandomSearch(CS.ConfigurationSpace({"x": (0.0, 1.0)}), "score", "max")
    with pytest.raises(ValueError, match="cluster replaces num_workers"):
        simulate(
            lambda config: iter([(1.0, {"score": 1.0})]),
            searcher,
            cluster=VirtualCluster(nodes=[{"CPU": 1}]),
            num_workers=2,
        )


def test_by_default_a_trial_needs_one_cpu_and_nodes_never_fail() -> None:
    cluster = VirtualCluster([{"CPU": 1}])
    assert (cluster.resources, cluster.outages, cluster.mean_uptime) == ({"CPU": 1.0}, (), None)
