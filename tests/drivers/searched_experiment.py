"""An experiment's folder as a search leaves it, written without running one."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ray_nas.record.events import (
    VERSION,
    ExperimentStarted,
    TrialEnded,
    TrialProposed,
    TrialReported,
)
from ray_nas.record.log import EventLog
from ray_nas.spaces import ModelSpace
from ray_nas.spaces.core.search_space import SearchSpace
from ray_nas.trials.checkpoint import write_checkpoint


def write_experiment(
    folder: Path,
    space: SearchSpace,
    configs: Sequence[dict[str, Any]],
    *,
    baseline: bool = False,
    tune_configs: Mapping[str, dict[str, Any]] | None = None,
    domains: bool = True,
    version: int = VERSION,
) -> Path:
    """Trials t0, t1, ... with accuracies 0.0, 0.1, ...; returns the record's path."""
    folder.mkdir(parents=True, exist_ok=True)
    log = EventLog()
    values = space.domains if domains else None
    log.append(
        ExperimentStarted(
            "RandomSearch", space.fingerprint, {"accuracy": "max"}, 1, version, domains=values
        )
    )
    entries = []
    for number, config in enumerate(configs):
        name = f"t{number}"
        move = "baseline" if baseline and number == 0 else "random"
        log.append(TrialProposed(name, config, move, ()))
        log.append(TrialReported(name, {"accuracy": number / 10, "time_total_s": 1.5}))
        log.append(TrialEnded(name, "completed"))
        tune_config = (tune_configs or {}).get(name, config)
        fields = {"trial_id": name, "relative_logdir": f"trial_{name}", "config": tune_config}
        entries.append([json.dumps(fields), "{}"])
    (folder / "experiment_state-2026-01-01_00-00-00.json").write_text(
        json.dumps({"trial_data": entries})
    )
    return folder / log.save(folder)["file"]


def write_weights(
    folder: Path, name: str, tensors: Mapping[str, torch.Tensor], number: int = 0, **fields: Any
) -> Path:
    """A checkpoint in a trial's folder."""
    path = folder / f"trial_{name}" / f"checkpoint_{number:06}"
    path.mkdir(parents=True)
    write_checkpoint(path, tensors, fields)
    return path


def trained_state(space: ModelSpace, config: Mapping[str, Any], seed: int = 0) -> dict[str, Any]:
    """The weights of a network that is as good as trained: none is at its initial value."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(tensor.shape, generator=generator)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in space.build(config).state_dict().items()
    }
