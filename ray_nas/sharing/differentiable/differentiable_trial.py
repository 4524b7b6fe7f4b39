"""The trainable of differentiable architecture search: DARTS, GDAS, DrNAS.

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
    """A Tune trainable that searches the space by gradients in one trial.

    It saves a checkpoint after each epoch and reports the architecture of the largest alphas:
    `architecture`, its config as JSON, for `points_to_evaluate` or training from scratch; `loss`
    and, for classes as targets, `accuracy` in [0, 1] on `val_data`, with the mixture's weights;
    `skip_share`, the share of its choices that are skip connections. It also reports `entropy`, the
    mean entropy of the alphas' softmax, 1 if it is uniform; and `collapse`, 1 once skip connections
    dominate, with the reason in `warning`.

    A trial's config can set `method` and `seed`, e.g. `param_space={"seed": tune.grid_search([0,
    1, 2])}`.

    Args:
        space: A space of layer and input choices. Fix other choices with `space.fix`.
        train_data: Data from which the weights learn. Here and in `val_data` a last batch of one
            example is skipped: batch norm cannot normalise it.
        val_data: Data from which the alphas learn and on which architectures are evaluated. The
            papers use one half of the training data for each.
        loss: Takes outputs and targets, returns their mean loss.
        method: "darts", "gdas" or "drnas".
        epochs: Passes over `train_data`.
        batch_size: Examples per batch; only for tensors.
        learning_rate: Initial learning rate of the weights (SGD with momentum); it falls to 0.001
            along a cosine.
        weight_decay: Weight decay of the weights.
        alpha_learning_rate: Learning rate of the alphas (Adam). The papers' 3e-4 is for about
            20,000 steps; use more for fewer steps.
        alpha_weight_decay: Weight decay of the alphas; for DrNAS it is the paper's regulariser.
        warmup: Share of the epochs, at the beginning, that train only the weights (0.3 in
            PC-DARTS, 0 in DARTS). Without it, alternatives with random weights are at a
            disadvantage to those without weights.
        beta_decay: Weight of beta-DARTS's loss at the end of the search; it grows from 0 (to 50 in
            the paper).
        max_skip_share: The largest share of an architecture's choices that can be skip connections,
            in (0, 1]. If the largest alphas exceed it for three epochs in a row, the search ends. 1
            turns this off.
        seed: Seeds everything random. A restored trial gives the same results as an uninterrupted
            one.

    Raises:
        ValueError: An argument is invalid, or the space cannot be a mixture.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> data = torch.rand(8, 1, 8, 8), torch.arange(8) % 2
        >>> trainable = differentiable_trainable(
        ...     NASBench201(channels=2, cells_per_stage=1, num_classes=2, in_channels=1),
        ...     train_data=data,
        ...     val_data=data,
        ...     loss=torch.nn.functional.cross_entropy,
        ...     method="gdas",
        ... )
        >>> search = tune.with_resources(trainable, {"cpu": 1})  # for tune.Tuner(search, ...)
    """
    make_search = partial(
        BilevelSearch,
        space,
        train_data,
        val_data,
        loss,
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
    make_search(method=method, seed=seed)  # raises for a bad argument now, not in a trial

    def trainable(config: Mapping[str, Any]) -> None:
        search = make_search(method=config.get("method", method), seed=config.get("seed", seed))
        search.to("cuda" if torch.cuda.is_available() else "cpu")
        checkpoint = tune.get_checkpoint()
        if checkpoint is not None:
            with checkpoint.as_directory() as folder:
                search.load(Path(folder))
        while not search.done:
            metrics = search.epoch()
            with TemporaryDirectory() as folder:
                search.save(Path(folder))
                tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))

    return trainable
