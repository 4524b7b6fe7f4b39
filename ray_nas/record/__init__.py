"""The record of an experiment: who was proposed, what was reported, how each trial ended."""

from ray_nas.record.events import Event, Metrics
from ray_nas.record.experiment import ExperimentRecord, RecordError, TrialRecord, load, read_events

__all__ = [
    "Event",
    "ExperimentRecord",
    "Metrics",
    "RecordError",
    "TrialRecord",
    "load",
    "read_events",
]
