import numpy as np
from small_searches import Config, search, signal, worth

from ray_nas.report.evidence import Evidence


def stopping(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
    """Bad trials are stopped after epoch 3 of 9."""
    last = 9 if worth(config) > -0.5 else 3
    return [{"accuracy": worth(config) + epoch, "epoch": epoch} for epoch in range(1, last + 1)]


def test_full_length_leaves_out_stopped_trials() -> None:
    evidence = Evidence(search(stopping))
    full, early = evidence.full, evidence.level(3)
    assert evidence.time == "epoch"
    assert full.time == 9
    assert evidence.has_early_stops
    assert [worth(one.config) + 9 for one in full.trials] == full.quality.tolist()
    assert len(early.trials) == 60 > len(full.trials)
    assert evidence.rungs == [3]
    assert full.place(evidence.winner) == int(full.quality.argmax())


def test_a_minimised_metric_is_turned_round() -> None:
    record = search(lambda config, rng: [{"loss": rng.random()}], objectives={"loss": "min"})
    evidence = Evidence(record)
    assert evidence.winner is not None
    assert evidence.full.quality.max() == -evidence.winner.metrics["loss"]


def test_a_long_search_is_thinned_out_but_keeps_winner_and_baseline() -> None:
    evidence = Evidence(search(signal, 1_500, baseline=True))
    full = evidence.full
    assert 500 < len(full.trials) <= 602
    assert full.place(evidence.winner) is not None
    assert full.place(evidence.record.baseline) == 0


def test_without_usable_trials_all_is_empty() -> None:
    evidence = Evidence(search(lambda config, rng: [], 5))
    assert (evidence.winner, evidence.full.trials, evidence.rungs) == (None, [], [])
