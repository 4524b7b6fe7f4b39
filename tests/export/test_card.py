"""The card says what a reader must not expect."""

from pathlib import Path

from torch import nn

from ray_nas.export.card import network_card, write_card
from ray_nas.export.trained_network import TrainedNetwork
from ray_nas.record import ExperimentRecord
from ray_nas.record.events import ExperimentStarted
from ray_nas.record.experiment import TrialRecord


def test_limits_follow_from_weights_check_and_data(tmp_path: Path) -> None:
    record = ExperimentRecord()
    record.apply(ExperimentStarted("RandomSearch", "f00d", {"loss": "min"}, None))
    trial = TrialRecord("a", {"depth": 2}, "random", ())
    known = TrainedNetwork(
        nn.Linear(2, 1), {"depth": 2}, "retraining", "a/c", {}, {"test_loss": float("nan")}, 3
    )
    unknown = TrainedNetwork(nn.Linear(2, 1), {"depth": 2}, "supernet", "s/c", {}, {})
    check = {"batch": "any", "rows": 4, "accuracy": 0.5}
    card = network_card(record, trial, known, check, {"data": "digits"})
    assert card["limits"] == [
        "The file computes what the network does in evaluation mode.",
        "test_loss: as the trainable reported it, on data that it chose.",
    ]
    assert (card["network"]["parameters"], card["weights"]["seed of the retraining"]) == (3, 3)
    assert any(name.startswith("torch ") for name in card["licences"])
    text = " ".join(
        network_card(record, trial, unknown, {"batch": "fixed", "rows": 4}, {})["limits"]
    )
    for part in (
        "batches of 4 rows",
        "Trained alone",
        "accuracy was not",
        "Nobody said",
        "held-out",
    ):
        assert part in text
    as_json, readable = write_card(card, tmp_path / "winner.onnx")
    assert (as_json.name, readable.name) == ("winner.onnx.card.json", "winner.onnx.card.md")
    assert '"test_loss": "nan"' in as_json.read_text()
    assert "- data: digits" in readable.read_text()
