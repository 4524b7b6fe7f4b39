"""Figures for pages, notebooks and files."""

from pathlib import Path
from xml.etree import ElementTree

from made_record import made_record

from ray_nas.report import figures
from ray_nas.report.charts.figure import NARROW, WIDE, Figure, chart_style


def test_a_page_has_a_wide_and_a_narrow_chart() -> None:
    html = figures.best_so_far(made_record([{}] * 3)).html()
    assert f'viewBox="0 -24 {WIDE} ' in html
    assert f" {NARROW} " in html


def test_titles_are_escaped() -> None:
    figure = Figure("<b>", "<i>", lambda width: "<svg></svg>")
    for html in (figure.html(), figure._repr_html_()):
        assert "<b>" not in html
        assert "&lt;i&gt;" in html


def test_a_file_holds_its_style(tmp_path: Path) -> None:
    path = figures.best_so_far(made_record([{}] * 3)).save(tmp_path / "chart.svg")
    root = ElementTree.parse(path).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "ray-nas-chart" in path.read_text()


def test_style_is_about_charts_only() -> None:
    rules = [line.split("{")[0] for line in chart_style().splitlines() if "{" in line]
    assert all(rule.startswith("svg.ray-nas") for rule in rules)
