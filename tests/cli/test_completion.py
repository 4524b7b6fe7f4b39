"""Names that the shell completes."""

from ray_nas import searchers
from ray_nas.cli.completion import complete_searcher, exported_names


def test_every_searcher_is_completed() -> None:
    assert complete_searcher("R") == ["RandomSearch", "RegularizedEvolution", "Reinforce"]
    assert set(exported_names("searchers")) <= set(searchers.__all__)
