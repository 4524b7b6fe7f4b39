"""Every trial of a search, live and after a restore."""

from pathlib import Path

from ray_nas.record.earlier_trials import EarlierTrial
from ray_nas.searchers.core.ledger import TrialLedger
from ray_nas.searchers.core.proposal import Proposal


def filled() -> TrialLedger:
    """One trial that completed, one that was stopped, one that failed and one pending."""
    ledger = TrialLedger(str)
    for trial_id in "abcd":
        config = {"x": trial_id}
        ledger.propose(trial_id, Proposal(config, "random", key=str(config)))
    ledger.report("a", {"loss": 0.5})
    ledger.report_last("a", {"loss": 0.5})
    ledger.end("a", "completed")
    ledger.note_stop("b", "rung 1")
    ledger.stops.note_cut_off("b")
    ledger.end("b", "completed")
    ledger.end("c", "error", "the trainable raised an error")
    ledger.report("d", {"loss": 0.1})
    return ledger


def test_ends_reasons_and_pending_trials() -> None:
    ledger = filled()
    assert dict(ledger.pending) == {"d": {"loss": 0.1}}
    assert ledger.record.trials["b"].reason == "rung 1"
    assert ledger.is_known(str({"x": "c"}))
    assert not ledger.retryable


def test_a_restore_leads_to_the_same_trials_and_failed_ones_may_run_again(tmp_path: Path) -> None:
    ledger = filled()
    mark = ledger.save(tmp_path)
    restored = TrialLedger(str)
    assert len(list(restored.restore(tmp_path, mark))) == 9
    assert dict(restored.proposals) == dict(ledger.proposals)
    assert dict(restored.pending) == dict(ledger.pending)
    assert restored.retryable == {"c"}
    restored.restart("c", "e")
    assert restored.proposed_id("e") == "c"
    assert set(restored.pending) == {"c", "d"}


def test_imported_trials_are_duplicates_only_of_the_same_task() -> None:
    ledger = TrialLedger(str)
    other, same = EarlierTrial({"x": 1}, [{"loss": 1.0}]), EarlierTrial({"x": 2}, [{"loss": 2.0}])
    assert ledger.add_imported([other], {}, same_task=False) == ["earlier_0"]
    assert ledger.add_imported([same], {}, same_task=True) == ["earlier_1"]
    assert not ledger.is_known(str({"x": 1}))
    assert ledger.is_known(str({"x": 2}))
    assert ledger.proposals["earlier_0"].move == "earlier"
