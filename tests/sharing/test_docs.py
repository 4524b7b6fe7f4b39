"""The pages on morphisms and on differentiable search run."""

from collections.abc import Iterator

import pytest
from page_runner import local_ray, run_page

from ray_nas.sharing.inheritance import identity_rules

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity_rules, "_rules", dict(identity_rules._rules))
        with local_ray(tmp_path_factory.mktemp("home")):
            yield


def test_morphisms(runtime: None) -> None:
    names = run_page("docs/morphisms.md")
    trials = names["analysis"].trials
    assert {trial.last_result["inheritance"] for trial in trials} > {"fresh"}
    assert {trial.last_result["lineage_epochs"] for trial in trials} >= {3, 6}
    assert names["inheritance"].kind == "preserved"


def test_differentiable(runtime: None) -> None:
    names = run_page("docs/differentiable.md")
    assert len(names["found"]) == 2
    assert not names["results"].errors
    assert [names["again"].suggest(str(number)) for number in range(2)] == names["found"]
