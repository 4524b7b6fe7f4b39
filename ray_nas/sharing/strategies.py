"""The strategies of supernet training by name; `OneShot` offers these names."""

from typing import Final

from ray_nas.sharing.balanced_paths import BalancedPaths
from ray_nas.sharing.fair_paths import FairPaths
from ray_nas.sharing.path_strategy import PathStrategy
from ray_nas.sharing.sandwich_rule import Sandwich
from ray_nas.sharing.shared_controller import SharedController
from ray_nas.sharing.single_path import SinglePath

STRATEGIES: Final[dict[str, type[PathStrategy]]] = {
    "spos": SinglePath,
    "fairnas": FairPaths,
    "sandwich": Sandwich,
    "balanced": BalancedPaths,
    "enas": SharedController,
}
