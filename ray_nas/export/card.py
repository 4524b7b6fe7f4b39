"""The card beside an exported file: where the network comes from, what it costs, and its limits."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import torch

from ray_nas.export.trained_network import TrainedNetwork
from ray_nas.record.events import without_special_floats
from ray_nas.record.experiment import ExperimentRecord, TrialRecord

_PACKAGES: Final = ("ray-nas", "torch", "ray", "numpy", "onnx", "onnxruntime")
_SOURCES: Final = {
    "trial": "the trial's own checkpoint",
    "supernet": "the supernet's checkpoint; the network was not trained alone",
    "retraining": "the best of its retrainings, by the metric of the search",
}


def network_card(
    record: ExperimentRecord,
    trial: TrialRecord,
    trained: TrainedNetwork,
    check: Mapping[str, Any],
    about: Mapping[str, str],
) -> dict[str, Any]:
    """The card's fields, as JSON values.

    Args:
        record: The experiment's record.
        trial: The exported trial.
        trained: Its network.
        check: What was checked of the exported file, and how.
        about: What the user says, such as the data and their licence.
    """
    parameters = sum(tensor.numel() for tensor in trained.network.parameters())
    return {
        "about": dict(about),
        "network": {"architecture": trained.config, "parameters": parameters},
        "weights": {
            "from": _SOURCES[trained.source],
            "checkpoint": trained.checkpoint,
            "saved with": trained.fields,
            "metrics": without_special_floats(trained.metrics),
            "seed of the retraining": trained.seed,
        },
        "search": _search(record, trial),
        "check": dict(check),
        "limits": _limits(trained, check, about),
        "licences": _licences(),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def _search(record: ExperimentRecord, trial: TrialRecord) -> dict[str, Any]:
    started = record.started
    assert started is not None, "load() refuses a record without it"
    seconds = [one.metrics.get("time_total_s", 0.0) for one in record.trials.values()]
    baseline = record.baseline
    return {
        "searcher": started.searcher,
        "seed": started.seed,
        "objectives": started.objectives,
        "limits": started.constraints or {},
        "trials": record.counts(),
        "seconds in trials": round(sum(seconds), 1),
        "trial": trial.trial_id,
        "made by": trial.move,
        "parents": list(trial.parents),
        "baseline": None if baseline is None else without_special_floats(baseline.metrics),
    }


def _limits(
    trained: TrainedNetwork, check: Mapping[str, Any], about: Mapping[str, str]
) -> list[str]:
    """What a reader must not expect of the file."""
    found = ["The file computes what the network does in evaluation mode."]
    held_out = [name for name in trained.metrics if name.startswith("test_")]
    if held_out:
        found.append(f"{', '.join(held_out)}: as the trainable reported it, on data that it chose.")
    else:
        found.append(
            "No held-out metric (test_...) was reported with these weights. The metrics above "
            "chose this network among others, so they are better than on new data."
        )
    if trained.source == "supernet":
        found.append("Trained alone, the network would compute something else, mostly better.")
    if check["batch"] == "fixed":
        found.append(f"It takes batches of {check['rows']} rows only.")
    if "accuracy" not in check:
        found.append("No data were given to the export: outputs were compared, accuracy was not.")
    if "data" not in about:
        found.append("Nobody said which data it was trained on (about={'data': ...}).")
    return found


def _licences() -> dict[str, str]:
    """Package and version to licence, for the packages that are installed."""
    found = {}
    for name in _PACKAGES:
        try:
            fields = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        classifiers = [
            text.rpartition(" :: ")[2]
            for text in fields.get_all("Classifier") or []
            if text.startswith("License ::")
        ]
        given = [*(fields.get_all("License-Expression") or []), *(fields.get_all("License") or [])]
        texts = [text.splitlines()[0] for text in given if text.strip()] or classifiers
        found[f"{name} {fields['Version']}"] = texts[0] if texts else "not stated"
    return found


def file_properties(path: Path) -> dict[str, Any]:
    """A file's size and checksum."""
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def describe_inputs(inputs: tuple[torch.Tensor, ...]) -> list[dict[str, Any]]:
    """Shape and type of each input.

    Example:
        >>> describe_inputs((torch.zeros(4, 2),))
        [{'shape': [4, 2], 'dtype': 'float32'}]
    """
    return [
        {"shape": list(one.shape), "dtype": str(one.dtype).removeprefix("torch.")} for one in inputs
    ]


def write_card(card: Mapping[str, Any], path: Path) -> list[Path]:
    """Writes `FILE.card.json` and `FILE.card.md` beside the file `path`; returns both."""
    as_json, readable = (path.with_name(f"{path.name}.card.{kind}") for kind in ("json", "md"))
    as_json.write_text(json.dumps(card, indent=1) + "\n")
    lines = [f"# {path.name}", ""]
    for title, value in card.items():
        lines += [f"## {title.capitalize()}", "", *_markdown(value), ""]
    readable.write_text("\n".join(lines))
    return [as_json, readable]


def _markdown(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        shown = {name: one for name, one in value.items() if one not in (None, {}, [])}
        return [f"- {name}: {_inline(one)}" for name, one in shown.items()] or ["Nothing."]
    if isinstance(value, list):
        return [f"- {_inline(one)}" for one in value]
    return [_inline(value)]


def _inline(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"`{json.dumps(value)}`"
