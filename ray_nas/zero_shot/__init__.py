"""Zero-shot search: architectures chosen by a score alone, without training any."""

from ray_nas.zero_shot.pruning import te_nas_search
from ray_nas.zero_shot.ranking import ScoredConfig
from ray_nas.zero_shot.score_search import naswot_search, zero_shot_search

__all__ = ["ScoredConfig", "naswot_search", "te_nas_search", "zero_shot_search"]
