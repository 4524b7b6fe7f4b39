"""How the alphas of a choice become the weights of its alternatives: DARTS, GDAS and DrNAS.

DARTS (Liu, Simonyan & Yang, 2019), https://arxiv.org/abs/1806.09055; GDAS (Dong & Yang, 2019),
https://arxiv.org/abs/1910.04465; DrNAS (Chen et al., 2021), https://arxiv.org/abs/2006.10355; beta
decay (Ye et al., 2022, beta-DARTS), https://arxiv.org/abs/2203.01665
"""

from collections.abc import Callable, Iterable
from typing import Final

import torch
from torch import nn

Relaxation = Callable[[torch.Tensor, float], torch.Tensor]
"""The weights of a choice's values, of alpha (one entry each) and of how much of the search is
over, in [0, 1).
"""

_WARMEST: Final = 10.0
_COLDEST: Final = 0.1
"""GDAS's temperature falls linearly between these."""
_LEAST_CONCENTRATION: Final = 1e-3
"""Below, gamma variates underflow."""


def softmax(alpha: torch.Tensor, progress: float) -> torch.Tensor:
    """DARTS, Eq. 2."""
    return alpha.softmax(0)


def gumbel_hard(alpha: torch.Tensor, progress: float) -> torch.Tensor:
    """GDAS, Eq. 3-5: one value is drawn, its weight is 1 and the others' 0; the gradient is that
    of the soft weights.
    """
    temperature = _WARMEST + (_COLDEST - _WARMEST) * progress
    gumbel = -torch.empty_like(alpha).exponential_().log()
    soft = ((alpha.log_softmax(0) + gumbel) / temperature).softmax(0)
    hard = nn.functional.one_hot(soft.argmax(), len(alpha)).to(alpha)
    return hard + (soft - soft.detach())


def dirichlet(alpha: torch.Tensor, progress: float) -> torch.Tensor:
    """DrNAS, Eq. 3: weights drawn from a Dirichlet distribution of concentration ELU(alpha) + 1.

    The paper's pull towards concentration 1 is alpha's weight decay: alpha = 0 is concentration 1.
    """
    concentration = (nn.functional.elu(alpha) + 1).clamp(min=_LEAST_CONCENTRATION)
    return torch.distributions.Dirichlet(concentration, validate_args=False).rsample()


RELAXATIONS: Final[dict[str, Relaxation]] = {
    "darts": softmax,
    "gdas": gumbel_hard,
    "drnas": dirichlet,
}
"""The methods by name."""


def beta_loss(alphas: Iterable[torch.Tensor]) -> torch.Tensor:
    """Beta decay (beta-DARTS, Eq. 12): the mean log-sum-exp of the alphas, which keeps the
    weights from running apart.
    """
    return torch.stack([alpha.logsumexp(0) for alpha in alphas]).mean()
