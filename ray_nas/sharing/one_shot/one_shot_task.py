"""`OneShotTask`: the settings that all phases of one-shot search share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ray_nas.checks import check_int
from ray_nas.sharing.one_shot.paths.path_strategies import STRATEGIES
from ray_nas.sharing.one_shot.supernet_training import SupernetTraining
from ray_nas.spaces.model.model_space import ModelSpace
from ray_nas.trials.data import Data, Loss, check_data
from ray_nas.trials.optimizer import Optimization


@dataclass(frozen=True)
class OneShotTask:
    """The arguments of `one_shot_trainable`, which documents them; checked here.

    Raises:
        TypeError: `space` is not a `ModelSpace`, or data are neither tensors nor a DataLoader.
        ValueError: Another argument is invalid; the message names it.
    """

    space: ModelSpace
    train_data: Data
    val_data: Data
    test_data: Data | None
    loss: Loss
    batch_size: int
    optimization: Optimization
    retrain_epochs: int
    calibration_examples: int
    affine: bool

    def __post_init__(self) -> None:
        check_data("train_data", self.train_data)
        check_data("val_data", self.val_data)
        if self.test_data is not None:
            check_data("test_data", self.test_data)
        for name in ("batch_size", "retrain_epochs", "calibration_examples"):
            check_int(name, getattr(self, name), low=1)
        if not isinstance(self.space, ModelSpace):
            raise TypeError(
                f"space must be a ModelSpace, which has a supernet, got {type(self.space).__name__}"
            )

    def supernet_training(
        self, config: Mapping[str, Any], device: torch.device
    ) -> SupernetTraining:
        """A new supernet, not yet trained.

        Args:
            config: The config of a trial in the supernet phase: `strategy`, `epochs`, `seed`.
            device: Where it is trained.
        """
        return SupernetTraining(
            self.space,
            STRATEGIES[config["strategy"]](self.space, config["seed"]),
            self.train_data,
            self.loss,
            epochs=config["epochs"],
            batch_size=self.batch_size,
            optimization=self.optimization,
            calibration_examples=self.calibration_examples,
            affine=self.affine,
            seed=config["seed"],
            device=device,
        )
