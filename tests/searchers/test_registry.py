from ray_nas import searchers
from ray_nas.searchers import ArchitectureSearcher
from ray_nas.searchers.registry import SEARCHERS


def test_every_exported_strategy_is_registered_under_its_class_name() -> None:
    exported = {name: getattr(searchers, name) for name in searchers.__all__}
    strategies = {
        name: member
        for name, member in exported.items()
        if isinstance(member, type) and issubclass(member, ArchitectureSearcher)
    }
    del strategies["ArchitectureSearcher"]
    assert strategies == SEARCHERS
    assert {"RandomSearch", "RegularizedEvolution", "Bananas", "BOHB"} <= set(SEARCHERS)
    assert all(name == member.__name__ for name, member in SEARCHERS.items())
