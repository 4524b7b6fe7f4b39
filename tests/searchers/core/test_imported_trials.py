from ray_nas.record.earlier_trials import EarlierTrial
from ray_nas.searchers.core.imported_trials import imported_row


def test_the_last_report_of_a_usable_trial_is_its_result() -> None:
    trial = EarlierTrial({"depth": 2}, [{"loss": 0.9}, {"loss": 0.5}], True)
    row = imported_row(trial)
    assert (row["metrics"], row["reports"]) == ({"loss": 0.5}, [{"loss": 0.9}])


def test_an_unusable_trial_has_no_result() -> None:
    row = imported_row(EarlierTrial({"depth": 2}, [{"loss": 0.9}], False))
    assert (row["metrics"], row["usable"]) == ({}, False)
