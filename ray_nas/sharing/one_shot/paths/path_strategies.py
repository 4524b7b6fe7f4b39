"""The path strategies by name; `OneShot(strategy=...)` accepts these names."""

from typing import Final

from ray_nas.sharing.one_shot.paths.balanced_paths import BalancedPaths
from ray_nas.sharing.one_shot.paths.enas import Enas
from ray_nas.sharing.one_shot.paths.fair_paths import FairPaths
from ray_nas.sharing.one_shot.paths.path_strategy import PathStrategy
from ray_nas.sharing.one_shot.paths.sandwich_rule import SandwichRule
from ray_nas.sharing.one_shot.paths.single_path import SinglePath

STRATEGIES: Final[dict[str, type[PathStrategy]]] = {
    "spos": SinglePath,
    "fairnas": FairPaths,
    "sandwich": SandwichRule,
    "balanced": BalancedPaths,
    "enas": Enas,
}
