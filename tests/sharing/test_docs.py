"""The pages on morphisms and on search by gradients run as they stand."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
import torch

from ray_nas.sharing.inheritance import identity_rules

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_AIR_NEW_OUTPUT", "0")
    patch.setattr(identity_rules, "_rules", dict(identity_rules._rules))
    ray.init(
        address="local",
        num_cpus=1,
        num_gpus=0,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
    )
    patch.setenv(
        "HOME", str(tmp_path_factory.mktemp("home"))
    )  # for ~/ray_results; not before, since Ray keeps its token at home
    yield
    ray.shutdown()
    patch.undo()


def run(page: str) -> dict[str, Any]:
    torch.manual_seed(0)
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL):
        exec(compile(block, page, "exec"), names)
    return names


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::ResourceWarning")
def test_morphisms(cluster: None) -> None:
    names = run("morphisms.md")
    trials = names["analysis"].trials
    assert {trial.last_result["inheritance"] for trial in trials} > {"fresh"}
    assert {trial.last_result["lineage_epochs"] for trial in trials} >= {3, 6}
    assert names["inheritance"].kind == "preserved"


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::ResourceWarning")
def test_differentiable(cluster: None) -> None:
    names = run("differentiable.md")
    assert len(names["found"]) == 2
    assert not names["results"].errors
    assert [names["again"].suggest(str(number)) for number in range(2)] == names["found"]
