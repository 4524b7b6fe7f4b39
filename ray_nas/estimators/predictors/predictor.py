"""What a predictor is: a model that is fitted to scored architectures and predicts others."""

from typing import NamedTuple, Protocol

from ray_nas.estimators.arrays import Array


class Prediction(NamedTuple):
    """Predicted scores and how uncertain they are, each of shape (architectures,)."""

    mean: Array
    spread: Array
    """Standard deviation, at least 0."""


class Predictor(Protocol):
    """A model that predicts the scores of architectures from their features.

    `GaussianProcessPredictor`, `RandomForest` and `GradientBoosting` are three; any object with
    these methods is one.
    """

    def fit(self, features: Array, scores: Array) -> None:
        """Learns from scored architectures alone; forgets what it was fitted to before.

        Args:
            features: Finite, shape (architectures, features).
            scores: Finite, larger is better, shape (architectures,).
        """

    def predict(self, features: Array) -> Prediction:
        """Predicts the scores of architectures.

        Args:
            features: Finite, shape (architectures, features).
        """
