"""The report as text and as a data frame."""

import builtins
import math

import pytest

from ray_nas.estimators import Estimate, EstimatorReport, RankCorrelation, ReportRow

STRONG = RankCorrelation(30, Estimate(0.8, 0.7, 0.9), Estimate(0.6, 0.5, 0.7))
WEAK = RankCorrelation(30, Estimate(0.1, -0.2, 0.4), Estimate(0.1, -0.1, 0.3))
NOTHING = RankCorrelation(3, *2 * [Estimate(math.nan, math.nan, math.nan)])


@pytest.fixture
def report() -> EstimatorReport:
    rows = [
        ReportRow("score", "naswot", STRONG, WEAK, non_finite=2),
        ReportRow("predictor", "GaussianProcess", NOTHING, note="needs 10 trials"),
    ]
    return EstimatorReport("accuracy", "max", 30, rows, ["Left out: 4 trials that were stopped."])


def test_text(report: EstimatorReport) -> None:
    assert str(report) == "\n".join(
        [
            "Rank correlation with accuracy (max) at the end of 30 trials, 90 % intervals",
            "                            Spearman              Kendall               params alone"
            "          trials",
            "score      naswot            0.80 [ 0.70,  0.90]   0.60 [ 0.50,  0.70]"
            "   0.10 [-0.20,  0.40]  30      2 not finite, ranked last",
            "predictor  GaussianProcess    nan [  nan,   nan]    nan [  nan,   nan]"
            "  -                     3       needs 10 trials",
            "Left out: 4 trials that were stopped.",
        ]
    )


def test_frame(report: EstimatorReport) -> None:
    frame = report.to_frame()
    assert frame.name.tolist() == ["naswot", "GaussianProcess"]
    assert frame.trials.tolist() == [30, 3]
    first = frame.iloc[0]
    assert (first.spearman_low, first.kendall, first.params_spearman_high) == (0.7, 0.6, 0.4)
    assert frame.params_spearman.isna().tolist() == [False, True]
    assert frame.non_finite.tolist() == [2, 0]


def test_an_empty_report(report: EstimatorReport) -> None:
    empty = EstimatorReport("accuracy", "max", 0, [], [])
    assert str(empty).splitlines() == [
        "Rank correlation with accuracy (max) at the end of 0 trials, 90 % intervals"
    ]
    assert len(empty.to_frame()) == 0


def test_without_pandas_a_frame_names_the_extra(report, monkeypatch) -> None:
    real = builtins.__import__

    def without_pandas(name, *args, **kwargs):
        if name == "pandas":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(ImportError, match=r'to_frame needs pandas: pip install "ray-nas\[bench\]"'):
        report.to_frame()
