"""Scores of trials, as the record and the user give them."""

import math
from types import SimpleNamespace

from ray_nas.estimators.score_columns import known_values, recorded_columns
from ray_nas.record import ExperimentRecord
from ray_nas.spaces import NASBench201

UNUSED = "|{}~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
SPACE = NASBench201(channels=2, cells_per_stage=1)


def scored_record(**changes) -> ExperimentRecord:
    record = ExperimentRecord()
    scored = {
        "score": "Aggregate",
        "configs": [{"depth": 1}, {"depth": 2}, {"depth": 3}],
        "scores": [0.1, math.nan, 0.3],
        "measures": [{"naswot": 1.0, "params": 10.0}] * 2 + [{"naswot": 3.0, "params": 30.0}],
    }
    record.scored = SimpleNamespace(**(scored | changes))
    return record


def test_a_missing_value_is_not_a_value_that_is_not_finite() -> None:
    column = known_values([1.0, None, math.nan])
    assert column.is_known.tolist() == [True, False, True]


def test_recorded_scores_and_their_measures_are_matched_by_config() -> None:
    columns = recorded_columns(scored_record(), [{"depth": 3}, {"depth": 9}, {"depth": 2}], None)
    assert set(columns) == {"Aggregate", "naswot", "params"}
    assert columns["params"].values[0] == 30.0
    assert columns["Aggregate"].is_known.tolist() == [True, False, True]
    assert math.isnan(columns["Aggregate"].values[2])


def test_a_space_matches_equivalent_architectures() -> None:
    first, second = (SPACE.from_arch_str(UNUSED.format(op)) for op in ("nor_conv_1x1", "none"))
    record = scored_record(configs=[first], scores=[0.5], measures=None)
    assert recorded_columns(record, [second], SPACE)["Aggregate"].values.tolist() == [0.5]
    assert not recorded_columns(record, [second], None)["Aggregate"].is_known.any()


def test_a_record_without_scores_has_no_columns() -> None:
    assert recorded_columns(ExperimentRecord(), [{"depth": 1}], None) == {}
