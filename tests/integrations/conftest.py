"""Each file's own local Ray, and the checks that all integrations share."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from integration_page import announced, count_marked
from local_ray import local_ray
from ray import tune

from ray_nas.spaces import SearchSpace

MOST_LINES = 10


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Other packages warn as they like: that is not what these tests are about."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(scope="module", autouse=True)
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Four CPUs and two GPUs, all logical, so that Ray Train's workers find room."""
    home = tmp_path_factory.mktemp("home")
    with (
        pytest.MonkeyPatch.context() as patch,
        local_ray(
            num_cpus=4,
            num_gpus=2,
            runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}},
        ),
    ):
        patch.setenv("HOME", str(home))  # not earlier: Ray keeps its token at home
        patch.setenv("RAY_AIR_NEW_OUTPUT", "0")
        yield


@pytest.fixture(autouse=True)
def in_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def few_lines() -> Callable[[str], None]:
    """Checks that a section adds few lines, as many as the page's table says."""

    def check(heading: str) -> None:
        count = count_marked(heading)
        assert count == announced(heading)
        assert 0 < count <= MOST_LINES

    return check


@pytest.fixture
def searched() -> Callable[[tune.ResultGrid, SearchSpace, int], None]:
    """Checks that all trials ran without an error, each with an architecture of its own."""

    def check(results: tune.ResultGrid, space: SearchSpace, trials: int) -> None:
        assert not results.errors, results.errors[0]
        assert len(results) == trials
        archs = [result.config["arch"] for result in results]
        for arch in archs:
            space.validate(arch)
        assert len({space.canonical(arch) for arch in archs}) == trials

    return check
