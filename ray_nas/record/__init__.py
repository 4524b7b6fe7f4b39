"""The record of an experiment: its events, and the trials that they add up to."""

from ray_nas.record.experiment import (
    VERSION,
    Event,
    ExperimentRecord,
    RecordError,
    RecordWriter,
    TrialRecord,
    events,
    finite,
    load,
    writing,
)

__all__ = [
    "VERSION",
    "Event",
    "ExperimentRecord",
    "RecordError",
    "RecordWriter",
    "TrialRecord",
    "events",
    "finite",
    "load",
    "writing",
]
