"""The result of `estimators.report`: its rows, as text and as a data frame."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ray_nas import notebook_html
from ray_nas.estimators.correlation import RankCorrelation
from ray_nas.extras import extra

if TYPE_CHECKING:
    import pandas

Kind: TypeAlias = Literal["score", "predictor", "rung"]

_HEADER: Final = ("", "", "Spearman", "Kendall", "params alone", "trials", "")


@dataclass(frozen=True)
class ReportRow:
    """Rank correlation of one score, predictor or rung with the final results.

    Example:
        >>> from ray_nas.estimators.correlation import Estimate
        >>> found = RankCorrelation(30, Estimate(0.8, 0.7, 0.9), Estimate(0.6, 0.5, 0.7))
        >>> ReportRow("rung", "epoch 3", found).correlation.spearman.low
        0.7
    """

    kind: Kind
    name: str
    correlation: RankCorrelation
    """With the final results, over the trials that have both; NaN if these are too few."""
    baseline: RankCorrelation | None = None
    """The parameter count's, over the same trials; None where it is not known."""
    non_finite: int = 0
    """Trials with a score that is NaN or infinite; they rank last."""
    note: str = ""
    """Why there is no correlation; empty if there is one."""


@dataclass(frozen=True)
class EstimatorReport:
    """The result of `report`; printed, it is a table.

    Example:
        >>> print(EstimatorReport("loss", "min", 2, [], ["too few"]))
        Rank correlation with loss (min) at the end of 2 trials, 90 % intervals
        too few
    """

    metric: str
    mode: str
    """"min" or "max"."""
    trials: int
    """Trials with a final result."""
    rows: list[ReportRow]
    """Scores and predictors, each best first, then rungs, earliest first."""
    notes: list[str]
    """What was left out, and why."""

    def __str__(self) -> str:
        title = (
            f"Rank correlation with {self.metric} ({self.mode}) at the end of {self.trials} "
            "trials, 90 % intervals"
        )
        lines = [_HEADER, *map(_cells, self.rows)] if self.rows else []
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([title, *table, *self.notes])

    def _repr_html_(self) -> str:
        """The table, in Jupyter."""
        title, _, lines = str(self).partition("\n")
        return notebook_html.text(title, lines)

    def to_frame(self) -> "pandas.DataFrame":
        """One row for each score, predictor and rung.

        Raises:
            ImportError: pandas is not installed; `pip install "ray-nas[bench]"`.
        """
        with extra("bench", package="pandas", needed_by="EstimatorReport.to_frame"):
            import pandas
        rows = [
            {
                "kind": row.kind,
                "name": row.name,
                "trials": row.correlation.pairs,
                **_columns("", row.correlation),
                **(_columns("params_", row.baseline) if row.baseline else {}),
                "non_finite": row.non_finite,
                "note": row.note,
            }
            for row in self.rows
        ]
        return pandas.DataFrame(rows, columns=None if rows else ["kind", "name", "trials"])


def _cells(row: ReportRow) -> tuple[str, ...]:
    correlation = row.correlation
    remark = row.note or (f"{row.non_finite} not finite, ranked last" if row.non_finite else "")
    return (
        row.kind,
        row.name,
        str(correlation.spearman),
        str(correlation.kendall),
        str(row.baseline.spearman) if row.baseline else "-",
        str(correlation.pairs),
        remark,
    )


def _columns(prefix: str, correlation: RankCorrelation) -> dict[str, Any]:
    return {
        f"{prefix}{name}{end}": value
        for name, estimate in (
            ("spearman", correlation.spearman),
            ("kendall", correlation.kendall),
        )
        for end, value in zip(("", "_low", "_high"), estimate, strict=True)
    }
