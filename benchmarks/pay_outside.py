"""Arm T of `does_it_pay.py`: the strongest simple methods that are not networks.

- Tables: gradient boosting (scikit-learn's histograms).
- Series: ridge regression on random convolutions, as in ROCKET (Dempster et al., 2020): the share
  of positive values and the maximum of each.
- Images: a support vector machine with a radial kernel.

Random search over their settings until the CPU seconds are used up; validation data pick.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pay_tasks import Task
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

Array = NDArray[Any]
Fit = Callable[[Array, Array, dict[str, Any], int], Any]


@dataclass(frozen=True)
class Found:
    """What the search picked."""

    tests: list[float]
    """Test points of three trainings."""
    validation: float
    config: dict[str, Any]
    trials: int
    cpu_seconds: float


def search(task: Task, seconds: float, seed: int) -> Found:
    """Random search; at least one trial. A trial that ends after the budget does not count."""
    draw, fit = _METHODS[task.source.kind]
    rng = np.random.default_rng(seed)
    start = time.process_time()
    scored: list[tuple[float, dict[str, Any]]] = []
    train, val = _arrays(task.train), _arrays(task.val)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ill-conditioned ridges
        while True:
            config = draw(task, rng)
            points = 100 * float(fit(*train, config, seed).score(*val))
            used = time.process_time() - start
            if used <= seconds or not scored:
                scored.append((points, config))
            if used >= seconds:
                break
        best, config = max(scored, key=lambda pair: pair[0])
        both, test = _arrays(task.both), _arrays(task.test)
        tests = [100 * float(fit(*both, config, seed + s).score(*test)) for s in range(3)]
    return Found(tests, best, config, len(scored), min(used, seconds))


def _arrays(part: tuple[torch.Tensor, torch.Tensor]) -> tuple[Array, Array]:
    return part[0].numpy(), part[1].numpy()


def _draw_boosting(task: Task, rng: np.random.Generator) -> dict[str, Any]:
    return {
        "learning_rate": float(10 ** rng.uniform(-2, -0.3)),
        "max_leaf_nodes": int(rng.choice([7, 15, 31, 63])),
        "min_samples_leaf": int(rng.choice([5, 10, 20, 50])),
        "l2_regularization": float(10 ** rng.uniform(-3, 1)),
        "max_iter": int(rng.choice([50, 100, 200])),
    }


def _fit_boosting(inputs: Array, targets: Array, config: dict[str, Any], seed: int) -> Any:
    is_regression = np.issubdtype(targets.dtype, np.floating)
    kind = HistGradientBoostingRegressor if is_regression else HistGradientBoostingClassifier
    return kind(random_state=seed, **config).fit(inputs, targets)


def _draw_kernels(task: Task, rng: np.random.Generator) -> dict[str, Any]:
    return {"kernels": int(rng.choice([500, 1_000, 2_000])), "seed": int(rng.integers(10**6))}


def _fit_kernels(inputs: Array, targets: Array, config: dict[str, Any], seed: int) -> Any:
    kernels = RandomConvolutions(inputs.shape[1:], config["kernels"], config["seed"] + seed)
    ridge = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=np.logspace(-1, 4, 8)))
    return _OnConvolutions(kernels, ridge).fit(inputs, targets)


def _draw_machine(task: Task, rng: np.random.Generator) -> dict[str, Any]:
    return {"C": float(10 ** rng.uniform(-1, 3)), "gamma": float(10 ** rng.uniform(-2, 1))}


def _fit_machine(inputs: Array, targets: Array, config: dict[str, Any], seed: int) -> Any:
    scale = config["gamma"] / (inputs[0].size * inputs.var())
    machine = SVC(C=config["C"], gamma=scale)
    return make_pipeline(_Flat(), machine).fit(inputs, targets)


_METHODS: dict[str, tuple[Callable[[Task, np.random.Generator], dict[str, Any]], Fit]] = {
    "table": (_draw_boosting, _fit_boosting),
    "series": (_draw_kernels, _fit_kernels),
    "image": (_draw_machine, _fit_machine),
}


class _Flat:
    def fit(self, inputs: Array, targets: Array) -> "_Flat":
        return self

    def transform(self, inputs: Array) -> Array:
        return inputs.reshape(len(inputs), -1)


class _OnConvolutions:
    """A classifier on the features of random convolutions."""

    def __init__(self, kernels: "RandomConvolutions", classifier: Any) -> None:
        self._kernels = kernels
        self._classifier = classifier

    def fit(self, inputs: Array, targets: Array) -> "_OnConvolutions":
        self._classifier.fit(self._kernels(inputs), targets)
        return self

    def score(self, inputs: Array, targets: Array) -> float:
        return float(self._classifier.score(self._kernels(inputs), targets))


class RandomConvolutions:
    """Random kernels of length 9 and random dilation: two features of each.

    Args:
        shape: Channels and length of a series.
        kernels: How many.
        seed: Seed of weights, biases and dilations.
    """

    def __init__(self, shape: tuple[int, ...], kernels: int, seed: int) -> None:
        channels, length = shape
        generator = torch.Generator().manual_seed(seed)
        powers = max(1, int(np.log2(max(2, (length - 1) / 8))) + 1)
        weight = torch.randn(kernels, channels, 9, generator=generator)
        weight -= weight.mean(2, keepdim=True)
        biases = torch.rand(kernels, generator=generator) * 2 - 1
        self._banks = [
            (part, bias, 2**power)
            for power, (part, bias) in enumerate(
                zip(weight.chunk(powers), biases.chunk(powers), strict=True)
            )
        ]

    @torch.no_grad()
    def __call__(self, inputs: Array) -> Array:
        """Features (number, 2 * kernels)."""
        series = torch.from_numpy(inputs)
        found = []
        for part in series.split(100):
            features = []
            for weight, bias, dilation in self._banks:
                values = torch.nn.functional.conv1d(
                    part, weight, bias, padding=4 * dilation, dilation=dilation
                )
                features += [(values > 0).float().mean(2), values.amax(2)]
            found.append(torch.cat(features, 1))
        return torch.cat(found).numpy()
