"""For tests of your own searchers: the contract that every searcher keeps."""

from ray_nas.testing.searcher_contract import SearcherContract

__all__ = ["SearcherContract"]
