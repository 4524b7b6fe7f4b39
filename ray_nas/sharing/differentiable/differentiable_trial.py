"""Differentiable architecture search as a Tune trial: DARTS, GDAS, DrNAS (see `relaxations.py` and
`bilevel_search.py`).

https://arxiv.org/abs/1806.09055, https://arxiv.org/abs/1910.04465, https://arxiv.org/abs/2006.10355
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from ray import tune

from ray_nas.sharing.differentiable.bilevel_search import BilevelSearch
from ray_nas.spaces import ModelSpace
from ray_nas.trials.data import Data, Loss


def differentiable_trainable(
    space: ModelSpace,
    *,
    train_data: Data,
    val_data: Data,
    loss: Loss,
    method: str = "darts",
    epochs: int = 50,
    batch_size: int = 64,
    learning_rate: float = 0.025,
    weight_decay: float = 3e-4,
    alpha_learning_rate: float = 3e-4,
    alpha_weight_decay: float = 1e-3,
    warmup: float = 0.3,
    beta_decay: float = 0.0,
    max_skip_share: float = 0.5,
    seed: int = 0,
) -> Callable[[Mapping[str, Any]], None]:
    """A Tune function that searches the space by gradients, in one trial with a checkpoint after
    each epoch.

    It reports `loss` and, for integer targets, `accuracy` (in [0, 1]) of the architecture of the
    largest alphas on `val_data`, with the mixture's weights; `architecture`, its config as JSON,
    for `points_to_evaluate` or training from scratch; `skip_share`, the part of its choices that
    are skip connections; `entropy` of the alphas' softmax, 1 where nothing is decided; `collapse`,
    1 once skip connections have taken over, with the reason in `warning`.

    A trial's config may hold `method` and `seed`, e.g. `param_space={"seed": tune.grid_search([0,
    1, 2])}`.

    Args:
        space: A space of layer and input choices; other choices fixed by `space.fix`.
        train_data: On which the weights learn. In this and in `val_data` a last batch of one
            example is left out: batch norm can take no statistics from it.
        val_data: On which the alphas learn and architectures are judged. The papers give each half
            of the training data.
        loss: Of the network's output and the targets.
        method: "darts", "gdas" or "drnas".
        epochs: Passes over `train_data`.
        batch_size: Where the data are tensors.
        learning_rate: Of the weights (SGD with momentum), under a cosine down to 0.001.
        weight_decay: Of the weights.
        alpha_learning_rate: Of the alphas (Adam). The papers' 3e-4 is for about 20,000 steps; take
            more for fewer.
        alpha_weight_decay: Of the alphas; for DrNAS the paper's pull towards an even distribution.
        warmup: Part of the epochs, the first ones, in which the weights learn alone: alternatives
            with weights are at a disadvantage as long as these are random (0.3 in PC-DARTS, 0 in
            DARTS).
        beta_decay: Weight of beta-DARTS's loss at the end of the search, growing from 0 (50 in the
            paper).
        max_skip_share: The part of an architecture's choices that may be skip connections. When,
            for three epochs in a row, more of them have the largest alphas, the search ends. 1 lets
            it go on.
        seed: Of everything random here; a restored trial goes on as if nothing had been.

    Raises:
        ValueError: An argument breaks a rule, or a space that is no mixture.
    """
    make = partial(
        BilevelSearch,
        space,
        train_data=train_data,
        val_data=val_data,
        loss=loss,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        alpha_learning_rate=alpha_learning_rate,
        alpha_weight_decay=alpha_weight_decay,
        warmup=warmup,
        beta_decay=beta_decay,
        max_skip_share=max_skip_share,
    )
    make(method=method, seed=seed)  # what is wrong is an error here, before a trial

    def search(config: Mapping[str, Any]) -> None:
        run = make(method=config.get("method", method), seed=config.get("seed", seed))
        run.to("cuda" if torch.cuda.is_available() else "cpu")
        checkpoint = tune.get_checkpoint()
        if checkpoint is not None:
            with checkpoint.as_directory() as folder:
                run.load(Path(folder))
        while not run.done:
            metrics = run.epoch()
            with TemporaryDirectory() as folder:
                run.save(Path(folder))
                tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))

    return search
