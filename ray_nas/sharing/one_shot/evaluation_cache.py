"""`EvaluationCache`: metrics of a batch of sub-networks, in a file of the experiment's folder."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ray_nas.tune_internals.trial_storage import ExperimentFile


class EvaluationCache:
    """The metrics of the sub-networks of a batch that are evaluated already, by their config.

    After a restore, a batch is proposed again with new trial ids but the same configs, so the ids
    are not part of the key.

    Args:
        weights: The path of the supernet's checkpoint.
        architectures: The configs of the batch.
    """

    def __init__(self, weights: str, architectures: Sequence[Mapping[str, Any]]) -> None:
        key = hashlib.sha256(_text([weights, architectures]).encode()).hexdigest()[:16]
        self._file = ExperimentFile("sub_networks", f"{key}.json")
        self._metrics: dict[str, dict[str, float]] = json.loads(self._file.read() or b"{}")

    def get(self, architecture: Mapping[str, Any]) -> dict[str, float] | None:
        """The metrics of a sub-network; None if it is not evaluated yet."""
        return self._metrics.get(_text(architecture))

    def add(self, architecture: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Adds the metrics of a sub-network and writes the file."""
        self._metrics[_text(architecture)] = dict(metrics)
        self._file.write(json.dumps(self._metrics).encode())


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
