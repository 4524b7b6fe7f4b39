import pytest
from small_searches import search

from ray_nas.report.evidence.held_out import held_out_metric


@pytest.mark.parametrize(
    ("objective", "reported", "found"),
    [
        ("accuracy", "test_accuracy", "test_accuracy"),
        ("val_acc", "test_acc", "test_acc"),
        ("loss_valid", "loss_test", "loss_test"),
        ("accuracy", "test_loss", None),
        ("test_accuracy", "test_accuracy", None),
    ],
)
def test_the_test_metric_matches_the_objective(
    objective: str, reported: str, found: str | None
) -> None:
    record = search(
        lambda config, rng: [{objective: 0.5, reported: 0.4}], objectives={objective: "max"}
    )
    assert held_out_metric(record) == found
