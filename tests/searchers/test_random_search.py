from collections import Counter

from ray_nas.searchers import RandomSearch
from ray_nas.spaces import NASBench201


def test_each_architecture_is_drawn_once_and_operations_evenly(cells: NASBench201) -> None:
    searcher = RandomSearch(cells, "score", "max", seed=0)
    configs = [searcher.suggest(str(number)) for number in range(300)]
    assert len({cells.canonical(config) for config in configs}) == 300
    counts = Counter(config["edge_0_3"] for config in configs)
    assert len(counts) == 5
    assert min(counts.values()) > 35  # 60 each on average
    assert {proposal.move for proposal in searcher.ledger.proposals.values()} == {"random"}
