"""The searchers by name, for the command line and for tests."""

import inspect
from typing import Final

from ray_nas import searchers
from ray_nas.searchers.core.searcher import ArchitectureSearcher

SEARCHERS: Final[dict[str, type[ArchitectureSearcher]]] = {
    name: member
    for name, member in inspect.getmembers(searchers, inspect.isclass)
    if issubclass(member, ArchitectureSearcher) and member is not ArchitectureSearcher
}
"""Class name to class."""
