"""The strategies of supernet training by name."""

from typing import Final

from ray_nas.searchers.one_shot import STRATEGIES as NAMES
from ray_nas.sharing.one_shot.paths.balanced_paths import BalancedPaths
from ray_nas.sharing.one_shot.paths.enas import SharedController
from ray_nas.sharing.one_shot.paths.fair_paths import FairPaths
from ray_nas.sharing.one_shot.paths.path_strategy import PathStrategy
from ray_nas.sharing.one_shot.paths.sandwich_rule import Sandwich
from ray_nas.sharing.one_shot.paths.single_path import SinglePath

_CLASSES: Final = (SinglePath, FairPaths, Sandwich, BalancedPaths, SharedController)
STRATEGIES: Final[dict[str, type[PathStrategy]]] = dict(zip(NAMES, _CLASSES, strict=True))
