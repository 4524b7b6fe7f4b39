"""Any searcher over a score alone; NASWOT's search is one of them.

NASWOT (Mellor, Turner, Storkey & Crowley, 2021): https://arxiv.org/abs/2006.04647
"""

from collections.abc import Callable
from typing import Any, Final

from ray.tune.search import Searcher

from ray_nas.checks import check_int
from ray_nas.estimators.proxies import Aggregate
from ray_nas.searchers import ArchitectureSearcher, RandomSearch, RegularizedEvolution
from ray_nas.searchers.core.candidate_scoring import Score, SeparableScore
from ray_nas.spaces.core.search_space import Config, SearchSpace
from ray_nas.zero_shot.ranking import Ranking, ScoredConfig

_METRIC: Final = "zero_shot_score"


def zero_shot_search(
    space: SearchSpace,
    score: Score | SeparableScore,
    *,
    searcher: ArchitectureSearcher | None = None,
    evaluations: int = 1000,
    top: int = 10,
    round_size: int = 50,
    seed: int | None = None,
    on_round: Callable[[int], None] | None = None,
) -> list[ScoredConfig]:
    """Searches for the architectures with the best score, without training any.

    Args:
        space: The space.
        score: Called with the space and a list of configs; returns a number for each, larger is
            better. `proxies.Aggregate(batch)` is one, a table lookup another.
        searcher: Proposes the architectures. It must have no metric of its own. None for
            regularized evolution.
        evaluations: How many architectures to score, at least 1.
        top: How many to return, at least 1.
        round_size: Architectures that are proposed before their scores are known, at least 1.
        seed: Seed of the default searcher.
        on_round: Called after each round with the number scored so far, e.g. to show progress.

    Returns:
        The best architectures, best first: those to train.

    Raises:
        ValueError: An argument breaks a rule, or the score returns something else than numbers.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> def convolutions(space, configs):
        ...     return [sum("conv" in op for op in config.values()) for config in configs]
        >>> best = zero_shot_search(NASBench201(), convolutions, evaluations=200, top=2, seed=0)
        >>> [found.score for found in best]
        [6.0, 6.0]
    """
    check_int("evaluations", evaluations, low=1)
    check_int("top", top, low=1)
    check_int("round_size", round_size, low=1)
    if searcher is None:
        searcher = RegularizedEvolution(space, seed=seed)
    elif searcher.metric is not None:
        raise ValueError(
            f"searcher must have no metric or objectives, got {searcher.metric!r}: "
            "the score is what it optimises"
        )
    searcher.set_search_properties(_METRIC, "max", {})
    ranking = Ranking(searcher.space, score)
    while len(ranking) < evaluations:
        proposed = _propose(searcher, len(ranking), min(round_size, evaluations - len(ranking)))
        if not proposed:
            break
        for trial_id, value in zip(proposed, ranking.add(list(proposed.values())), strict=True):
            searcher.on_trial_complete(trial_id, {_METRIC: value})
        if on_round is not None:
            on_round(len(ranking))
    return ranking.best(top)


def naswot_search(
    space: SearchSpace,
    batch: Any,
    *,
    samples: int = 1000,
    top: int = 10,
    seed: int | None = None,
    on_round: Callable[[int], None] | None = None,
) -> list[ScoredConfig]:
    """NASWOT's search: random architectures, ranked by `naswot`.

    Args:
        space: A space that builds networks.
        batch: `(inputs, labels)`; labels may be None.
        samples: How many architectures to score, N in the paper.
        top: How many to return.
        seed: Seed of the sample.
        on_round: Called after each round with the number scored so far.

    Example:
        >>> import torch
        >>> from ray_nas.spaces import NASBench201
        >>> batch = torch.rand(8, 3, 8, 8), None
        >>> best = naswot_search(NASBench201(2, 1), batch, samples=4, top=2, seed=0)
        >>> len(best)
        2
    """
    return zero_shot_search(
        space,
        Aggregate(batch, names=("naswot",)),
        searcher=RandomSearch(space, seed=seed),
        evaluations=samples,
        top=top,
        on_round=on_round,
    )


def _propose(searcher: ArchitectureSearcher, first: int, count: int) -> dict[str, Config]:
    """New proposals by trial id; fewer if nothing new is left."""
    proposed: dict[str, Config] = {}
    for number in range(first, first + count):
        trial_id = f"zero_shot_{number}"
        config = searcher.suggest(trial_id)
        if config is None or config == Searcher.FINISHED:
            break
        proposed[trial_id] = searcher.ledger.proposals[trial_id].config
    return proposed
