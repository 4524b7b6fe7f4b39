"""The page on searching by scores runs."""

from page_runner import run_page


def test_the_page_runs() -> None:
    names = run_page("docs/zero_shot.md")
    ledger = names["search"].ledger
    assert ledger.proposals["trial_1"].move == "warmup"
    assert len(names["best"]) == 3
