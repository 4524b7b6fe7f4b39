"""The page in a real browser: nothing breaks, nothing is loaded, and what can be clicked works."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_record import evolved_trials, made_record

from ray_nas.record import ExperimentRecord
from ray_nas.report import write_report
from ray_nas.spaces import NASBench201

EVIL = "<script>document.title='broken'</script>"

CONTRAST = """
() => {
  const channel = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (text) => {
    const found = text.match(/[\\d.]+/g).map(Number);
    return [found.slice(0, 3), found.length > 3 ? found[3] : 1];
  };
  const over = (top, share, below) => top.map((v, i) => share * v + (1 - share) * below[i]);
  function behind(element) {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const [colour, share] = parse(getComputedStyle(one).backgroundColor);
      if (share > 0) layers.push([colour, share]);
      if (share === 1) break;
    }
    const paint = (below, [colour, share]) => over(colour, share, below);
    return layers.reverse().reduce(paint, [255, 255, 255]);
  }
  function behindMark(text) {
    let below = behind(text.closest("svg"));
    const box = text.getBoundingClientRect();
    const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    for (const mark of text.closest("svg").querySelectorAll("rect")) {
      const area = mark.getBoundingClientRect();
      if (x < area.left || x > area.right || y < area.top || y > area.bottom) continue;
      const style = getComputedStyle(mark);
      const [colour] = parse(style.fill);
      below = over(colour, Number(style.fillOpacity) * Number(style.opacity), below);
    }
    return below;
  }
  const bad = [];
  for (const element of document.querySelectorAll("body *")) {
    const has = [...element.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim());
    const isHidden = ["SCRIPT", "STYLE", "TITLE"].includes(element.tagName);
    if (!has || isHidden || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const isMark = element.tagName === "text";
    const [colour] = parse(isMark ? style.fill : style.color);
    const below = isMark ? behindMark(element) : behind(element);
    const [a, b] = [light(colour), light(below)].sort((p, q) => q - p);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) bad.push(`${element.textContent.slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return bad;
}
"""


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens the report of a record; fails if the page complains or loads anything."""
    complaints: list[str] = []
    contexts = []

    def open_it(
        record: ExperimentRecord, width: int = 1440, dark: bool = False, **more: Any
    ) -> Any:
        path = write_report(record, tmp_path / "report.html", **more)
        scheme = "dark" if dark else "light"
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda one: complaints.append(one.text))
        page.on("pageerror", lambda one: complaints.append(str(one)))
        page.on("request", lambda one: one.url == path.as_uri() or complaints.append(one.url))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert not complaints


def search() -> ExperimentRecord:
    return made_record(evolved_trials(), {"accuracy": "max"}, "RegularizedEvolution")


def frame(record: ExperimentRecord) -> pd.DataFrame:
    """The trials' last reports and choices."""
    rows = {
        trial.trial_id: {
            **trial.metrics,
            **trial.config,
            "status": trial.status,
            "move": trial.move,
        }
        for trial in record.trials.values()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def names(page: Any) -> list[str]:
    """The trials that the table shows."""
    return [str(one) for one in page.locator("#trial-table tbody th").all_text_contents()]


def wait_for_count(page: Any, count: int) -> None:
    """Waits until the table has so many trials: it waits a moment for the typing to end."""
    counter = page.locator("#trial-count")
    for _ in range(100):
        if counter.inner_text().startswith(f"{count} of "):
            return
        page.wait_for_timeout(50)
    assert counter.inner_text().startswith(f"{count} of ")


def test_charts_are_drawn(open_page: Callable[..., Any]) -> None:
    page = open_page(made_record(evolved_trials(), {"accuracy": "max", "params": "min"}))
    for section in ("progress", "front", "choices", "lineage", "stopped"):
        chart = page.locator(f"#{section} figure.chart .wide svg").first
        chart.scroll_into_view_if_needed()
        box = chart.bounding_box()
        assert box["width"] > 600
        assert box["height"] > 150
        assert chart.locator("circle").count() > 5


def test_the_pages_numbers_equal_pandas(open_page: Callable[..., Any]) -> None:
    record = search()
    table = frame(record)
    usable = table[table["status"] == "completed"]
    page = open_page(record)

    best = usable["accuracy"].idxmax()
    assert best in page.locator("#winner").inner_text()
    assert f"{usable['accuracy'].max():.4g}" in page.locator("#progress").inner_text()
    assert f"trial {list(record.trials).index(best) + 1} of {len(table)}" in (
        page.locator("#progress").inner_text()
    )

    page.locator("#choices details").evaluate("one => one.open = true")
    rows = page.locator("#choices details tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.children].map((cell) => cell.textContent))"
    )
    for name, _, value, mean, _, count in rows:
        group = usable[usable[name] == value]["accuracy"]
        assert (mean, count) == (f"{group.mean():.4g}", str(len(group)))
    assert {row[0] for row in rows} == set(NASBench201().domains)

    stopped = usable["training_iteration"] < usable["training_iteration"].max()
    assert f"{stopped.sum()} of {len(usable)} trials ended before" in (
        page.locator("#stopped").inner_text()
    )
    order = table["accuracy"].where(table["status"] == "completed", table["accuracy"])
    assert names(page) == list(order.sort_values(ascending=False, kind="stable").index[:50])


def test_sort_filter_and_pages(open_page: Callable[..., Any]) -> None:
    record = search()
    table = frame(record)
    page = open_page(record)
    assert page.locator("#trial-count").inner_text() == "60 of 60 trials"
    page.locator("#next").click()
    assert len(names(page)) == 10

    page.locator("#filter-text").fill("accuracy>0.5 move=mutation")
    wanted = table[(table["accuracy"] > 0.5) & (table["move"] == "mutation")]
    wait_for_count(page, len(wanted))
    assert sorted(names(page)) == sorted(wanted.index)

    page.locator("#filter-text").fill("edge_0_1=nor_conv_3x3")
    wanted = table[table["edge_0_1"] == "nor_conv_3x3"]
    wait_for_count(page, len(wanted))
    assert sorted(names(page)) == sorted(wanted.index)

    page.locator("#filter-text").fill("")
    page.locator("#filter-status").select_option("error")
    wait_for_count(page, 1)
    assert names(page) == ["t0005"]
    page.locator("#filter-status").select_option("")
    page.locator("#filter-value").select_option("best")
    assert "accuracy, best report" in page.locator("#trial-table thead").inner_text()
    page.get_by_role("button", name="trial", exact=True).click()
    assert names(page)[:2] == ["t0000", "t0001"]
    assert page.locator("th[aria-sort]").inner_text() == "trial ↑"


def test_two_trials_are_compared(open_page: Callable[..., Any]) -> None:
    page = open_page(search())
    page.locator("#filter-text").fill("t000")
    wait_for_count(page, 10)
    page.get_by_label("compare t0001").check()
    page.get_by_label("compare t0002").check()
    header = page.locator("#compare thead th").all_text_contents()
    assert header == ["", "t0001", "t0002"]
    first = page.locator("#compare tbody tr").first
    assert first.get_attribute("class") == "differs"
    page.get_by_role("button", name="Close", exact=True).click()
    assert page.locator("#compare").is_hidden()


def test_hover_and_keyboard_show_the_same_tips(open_page: Callable[..., Any]) -> None:
    page = open_page(search())
    chart = page.locator("#progress figure.chart .wide svg").first
    chart.scroll_into_view_if_needed()
    dot = chart.locator("circle.point").nth(3)
    box = dot.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    trial = dot.get_attribute("data-trial")
    hovered = page.locator("#tip").inner_text()
    assert trial in hovered
    assert "accuracy" in hovered
    page.mouse.move(0, 0)
    assert page.locator("#tip").is_hidden()

    chart.focus()
    tips = []
    for _ in range(6):
        page.keyboard.press("ArrowRight")
        tips.append(page.locator("#tip").inner_text())
    assert any(trial in tip for tip in tips)
    assert len(set(tips)) > 3
    page.keyboard.press("Enter")
    wait_for_count(page, 1)
    assert names(page) == [tips[-1].removeprefix("best so far: ").split(":")[0].split(",")[0]]


def test_tabs_and_theme(open_page: Callable[..., Any]) -> None:
    page = open_page(search())
    page.get_by_role("button", name="by trials").click()
    assert page.locator("#progress-0").is_hidden()
    assert page.locator("#progress-2").is_visible()
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Switch between dark and light").click()
    assert page.evaluate(paper) != light


def test_everything_is_reached_by_keyboard(open_page: Callable[..., Any]) -> None:
    page = open_page(search())
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"theme", "A", "svg", "BUTTON", "SUMMARY"} <= reached


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1440])
def test_contrast_and_width(open_page: Callable[..., Any], width: int, dark: bool) -> None:
    """Text has a contrast of 4.5, and nothing is wider than the screen."""
    record = made_record(evolved_trials(), {"accuracy": "max", "params": "min"})
    page = open_page(record, width, dark, space=NASBench201())
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_text_stays_text(open_page: Callable[..., Any]) -> None:
    trials = [
        {
            "id": f"{EVIL}{number}",
            "config": {EVIL: f"{EVIL}{number % 2}", "=1+1": number % 3},
            "reason": EVIL,
            "move": EVIL,
            "parents": [f"{EVIL}{number - 1}"] if number else [],
            "reports": [{EVIL: float(number)}],
        }
        for number in range(20)
    ]
    page = open_page(made_record(trials, {EVIL: "max"}, EVIL))
    page.locator("#trial-table input").first.check()
    page.locator("#trial-table input").nth(1).check()
    assert page.title().endswith("search report")
    assert page.locator("script").count() == 2
    assert names(page)[0] == f"{EVIL}19"
    assert EVIL in page.locator("#compare").inner_text()


def test_large_searches_are_binned(open_page: Callable[..., Any]) -> None:
    page = open_page(made_record(evolved_trials(800), {"accuracy": "max"}))
    chart = page.locator("#progress figure.chart .wide svg").first
    assert 20 < chart.locator("rect").count() < 1500
    assert chart.locator("circle.point").count() == 0
    chart.scroll_into_view_if_needed()
    box = chart.locator("rect").first.bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    assert "accuracy" in page.locator("#tip").inner_text()


def test_an_empty_search_opens(open_page: Callable[..., Any]) -> None:
    page = open_page(made_record([]))
    assert page.locator("#trial-count").inner_text() == "0 of 0 trials"
