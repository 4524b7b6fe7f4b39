"""Events added up to trials, and records read from files."""

import math
from pathlib import Path

import pytest

from ray_nas.record import RecordError, events, files, load, seal
from ray_nas.record.events import TrialReported, encode
from ray_nas.record.experiment import ExperimentRecord
from ray_nas.record.log import EventLog

STARTED = events.ExperimentStarted("RandomSearch", "abc", {"loss": "min"}, 1)
PROPOSED = events.TrialProposed("a", {"x": 1}, "mutation", ())


def reduced(*changes: object, keep_reports: bool = True) -> ExperimentRecord:
    record = ExperimentRecord(keep_reports=keep_reports)
    for event in (STARTED, PROPOSED, *changes):
        record.apply(event)
    return record


def test_ranking_lineage_and_counts(log: EventLog, tmp_path: Path) -> None:
    log.save(tmp_path)
    record = load(tmp_path)
    assert [trial.trial_id for trial in record.ranked()] == ["b", "a", "c"]
    assert [trial.trial_id for trial in record.lineage("c")] == ["c", "b", "a"]
    assert record.lineage("z") == []
    assert record.counts() == {"completed": 3}
    assert record.objectives == {"loss": "min"}


def test_only_finite_results_are_ranked() -> None:
    record = reduced(
        events.TrialReported("a", {"loss": math.nan}), events.TrialEnded("a", "completed")
    )
    assert record.ranked() == []


def test_a_curve_keeps_the_last_value_of_a_repeated_time() -> None:
    reports = [{"epoch": 2, "loss": 3.0}, {"epoch": 1, "loss": 4.0}, {"epoch": 2, "loss": 1.0}]
    record = reduced(
        *(events.TrialReported("a", report) for report in reports), events.UnknownEvent("later")
    )
    assert record.trials["a"].curve("epoch", "loss") == [(1, 4.0), (2, 1.0)]
    assert record.trials["a"].curve("epoch", "accuracy") == []


def test_a_record_can_keep_the_last_report_alone() -> None:
    changes = [events.TrialReported("a", {"loss": loss}) for loss in (2.0, 1.0)]
    assert reduced(*changes, keep_reports=False).trials["a"].reports == [{"loss": 1.0}]


def test_a_resumed_trial_keeps_its_reports_and_a_restarted_one_starts_over() -> None:
    changes = (
        events.TrialReported("a", {"loss": 2.0}),
        events.TrialEnded("a", "error", "it raised"),
    )
    resumed = reduced(*changes, events.TrialResumed("a")).trials["a"]
    assert (resumed.status, resumed.reason, len(resumed.reports)) == ("unfinished", "", 1)
    restarted = reduced(*changes, events.TrialRestarted("a", "b")).trials["a"]
    assert (restarted.status, restarted.reports) == ("unfinished", [])
    assert (restarted.config, restarted.restarted_as) == ({"x": 1}, "b")


def test_inherited_weights_and_imported_trials() -> None:
    imported = {"earlier_0": {"config": {"x": 2}, "metrics": {"loss": 1.0}}}
    record = reduced(events.WeightsInherited("a", "partial"), events.TrialsImported(imported, True))
    assert record.trials["a"].inheritance == "partial"
    assert record.imported["earlier_0"].metrics == {"loss": 1.0}
    assert list(record.trials) == ["a"]


def test_a_torn_last_line_is_skipped_and_a_damaged_line_refused(
    log: EventLog, tmp_path: Path
) -> None:
    log.save(tmp_path)
    (path,) = tmp_path.glob(files.RECORD_FILES)
    content = path.read_bytes()
    path.write_bytes(content[:-10])
    assert load(tmp_path).trials["c"].status == "unfinished"
    path.write_bytes(content.replace(b'"config"', b'"konf', 1))
    with pytest.raises(RecordError, match="line 2"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not begin"),
        (b"{}\n", "line 1: it must be an object"),
        (b"[" * 100_000 + b"\n", "line 1: maximum recursion depth"),
        (
            seal.seal(encode(TrialReported("x", {})), 0)[0],
            "result of trial 'x' comes without its proposal",
        ),
        (
            encode(TrialReported("x", {})),
            "line 1, the result of trial 'x': its checksum does not match",
        ),
    ],
)
def test_files_that_are_not_records_are_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / files.new_name()).write_bytes(content)
    with pytest.raises(RecordError, match=message):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match="no ray_nas_record"):
        load(tmp_path / "nowhere")
