"""The results' file: written whole, read as written, and refused when damaged."""

import json
from pathlib import Path

import pytest

from ray_nas.retraining import RetrainedTrial, Retraining, load_retraining
from ray_nas.retraining.results import FILE, save_retraining

RESULT = Retraining(
    [
        RetrainedTrial("a", {"depth": 2}, 0, {"loss": 0.5, "test_loss": 0.6}),
        RetrainedTrial("baseline", {"depth": 1}, 0, {"loss": float("nan")}, "out of memory"),
    ],
    metric="loss",
    mode="min",
    test_metric="test_loss",
    winner="a",
)


def test_results_are_read_as_written(tmp_path: Path) -> None:
    assert load_retraining(tmp_path) is None
    path = save_retraining(tmp_path, RESULT)
    assert path.name == FILE == "ray_nas_retraining.json"
    found = load_retraining(tmp_path)
    assert repr(found) == repr(RESULT)  # NaN is not equal to itself
    assert repr(load_retraining(f"file://{tmp_path}")) == repr(RESULT)
    assert found is not None
    assert found.values("a", "test_loss") == [0.6]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("{", "Expecting"),
        ("[]", "no attribute"),
        ({"version": 2}, "it has version 2, this package reads version 1"),
        ({"mode": "maximal"}, "mode must be 'min' or 'max'"),
        ({"winner": None}, "winner must be a text"),
        ({"more": 1}, "its fields must be version"),
        ({"trials": [{"trial": "a"}]}, "missing"),
        ({"trials": [{"trial": "a", "config": {}, "seed": "0", "metrics": {}}]}, "seed must be"),
        ({"trials": [{"trial": "a", "config": {}, "seed": 0, "metrics": {"x": "y"}}]}, "a number"),
    ],
)
def test_a_damaged_file_is_named_with_the_remedy(
    change: str | dict[str, object], message: str, tmp_path: Path
) -> None:
    path = save_retraining(tmp_path, RESULT)
    content = json.loads(path.read_text())
    path.write_text(change if isinstance(change, str) else json.dumps({**content, **change}))
    with pytest.raises(ValueError, match=f"{path} is damaged .*{message}.*ray-nas retrain"):
        load_retraining(tmp_path)
