"""The strategies of supernet training by name; `OneShot` offers these names."""

from typing import Final

from ray_nas.sharing.one_shot.paths.balanced_paths import BalancedPaths
from ray_nas.sharing.one_shot.paths.enas import SharedController
from ray_nas.sharing.one_shot.paths.fair_paths import FairPaths
from ray_nas.sharing.one_shot.paths.path_strategy import PathStrategy
from ray_nas.sharing.one_shot.paths.sandwich_rule import Sandwich
from ray_nas.sharing.one_shot.paths.single_path import SinglePath

STRATEGIES: Final[dict[str, type[PathStrategy]]] = {
    "spos": SinglePath,
    "fairnas": FairPaths,
    "sandwich": Sandwich,
    "balanced": BalancedPaths,
    "enas": SharedController,
}
