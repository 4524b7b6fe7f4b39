"""How the alphas of a choice become weights of its alternatives: DARTS, GDAS and DrNAS.

DARTS (Liu, Simonyan & Yang, 2019), https://arxiv.org/abs/1806.09055; GDAS (Dong & Yang, 2019),
https://arxiv.org/abs/1910.04465; DrNAS (Chen et al., 2021), https://arxiv.org/abs/2006.10355; beta
decay (Ye et al., 2022, beta-DARTS), https://arxiv.org/abs/2203.01665
"""

from collections.abc import Callable, Iterable
from typing import Final

import torch
from torch import nn

Relaxation = Callable[[torch.Tensor, float], torch.Tensor]
"""Maps alpha, shape (alternatives,), and the search's progress in [0, 1) to weights of that shape.
"""

_FIRST_TEMPERATURE: Final = 10.0
_LAST_TEMPERATURE: Final = 0.1
"""GDAS's temperature falls linearly between these."""
_MIN_CONCENTRATION: Final = 1e-3
"""Below, gamma variates underflow."""


def softmax(alpha: torch.Tensor, progress: float) -> torch.Tensor:
    """DARTS, Eq. 2.

    Example:
        >>> softmax(torch.zeros(2), 0.0)
        tensor([0.5000, 0.5000])
    """
    return alpha.softmax(0)


def gumbel_hard(alpha: torch.Tensor, progress: float) -> torch.Tensor:
    """GDAS, Eq. 3-5: draws one alternative; its weight is 1, all others are 0.

    The gradient is that of the Gumbel softmax.

    Example:
        >>> gumbel_hard(torch.zeros(3), 0.5).sum().item()
        1.0
    """
    temperature = _FIRST_TEMPERATURE + (_LAST_TEMPERATURE - _FIRST_TEMPERATURE) * progress
    gumbel = -torch.empty_like(alpha).exponential_().log()
    soft = ((alpha.log_softmax(0) + gumbel) / temperature).softmax(0)
    hard = nn.functional.one_hot(soft.argmax(), len(alpha)).to(alpha)
    return hard + (soft - soft.detach())


def dirichlet(alpha: torch.Tensor, progress: float) -> torch.Tensor:
    """DrNAS, Eq. 3: weights from a Dirichlet distribution of concentration ELU(alpha) + 1.

    The weight decay of alpha acts as the paper's regulariser towards concentration 1: it pulls
    alpha to 0.

    Example:
        >>> round(dirichlet(torch.zeros(3), 0.5).sum().item(), 5)
        1.0
    """
    concentration = (nn.functional.elu(alpha) + 1).clamp(min=_MIN_CONCENTRATION)
    return torch.distributions.Dirichlet(concentration, validate_args=False).rsample()


RELAXATIONS: Final[dict[str, Relaxation]] = {
    "darts": softmax,
    "gdas": gumbel_hard,
    "drnas": dirichlet,
}
"""The methods by name."""


def beta_loss(alphas: Iterable[torch.Tensor]) -> torch.Tensor:
    """Beta decay (beta-DARTS, Eq. 12): the mean log-sum-exp of the alphas.

    It keeps the weights of a choice's alternatives close together.

    Example:
        >>> beta_loss([torch.zeros(2), torch.zeros(2)])
        tensor(0.6931)
    """
    return torch.stack([alpha.logsumexp(0) for alpha in alphas]).mean()
