"""The built documentation: no dead link, nothing from elsewhere, no page wider than a phone.

`make docs` builds it into `site/` and runs these tests.
"""

import functools
import http.server
import importlib
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
SITE = ROOT / "site"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))

pytestmark = [
    pytest.mark.site,
    pytest.mark.skipif(not PAGES, reason="run `make docs`, which builds the site"),
]

OVERFLOW = """
() => [...document.querySelectorAll(".md-content__inner > *, .doc-contents > *")]
  .filter((one) => one.checkVisibility())
  .filter((one) => one.getBoundingClientRect().right > window.innerWidth + 1)
  .map((one) => one.outerHTML.slice(0, 120))
"""


class Page(HTMLParser):
    """What a page links to, loads, and can be linked to.

    Args:
        path: The page, relative to the site.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.anchors: set[str] = {""}
        self.feed((SITE / path).read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        is_link = tag == "a" or values.get("rel") in ("canonical", "prev", "next", "alternate")
        if is_link and "href" in values:
            self.links.add(values["href"])
        else:
            self.loaded |= {values[name] for name in ("src", "href") if name in values}


@pytest.fixture(scope="module")
def parsed() -> dict[str, Page]:
    return {path: Page(path) for path in PAGES}


def test_every_link_leads_somewhere(parsed: dict[str, Page]) -> None:
    dead = []
    for path, page in parsed.items():
        if path == "404.html":  # its links are absolute: it is shown under any address
            continue
        for link in page.links | page.loaded:
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            target, anchor = urldefrag(urljoin(path, unquote(link)))
            target = target or path
            if target.endswith("/") or target == ".":
                target += "index.html"
            if not (SITE / target).is_file():
                dead.append(f"{path}: {link}")
            elif target in parsed and anchor not in parsed[target].anchors:
                dead.append(f"{path}: {link} has no such anchor")
    assert dead == []


def test_nothing_is_loaded_from_elsewhere(parsed: dict[str, Page]) -> None:
    loaded = {(path, url) for path, page in parsed.items() for url in page.loaded}
    assert {one for one in loaded if urlsplit(one[1]).scheme not in ("", "data")} == set()


def test_every_public_name_is_in_the_reference(parsed: dict[str, Page]) -> None:
    packages = ("cluster", "estimators", "estimators.proxies", "export", "record", "report")
    packages += ("report.figures", "retraining", "schedulers", "searchers", "sharing")
    packages += ("simulation", "spaces", "testing", "trials", "zero_shot")
    anchors = set().union(*(page.anchors for page in parsed.values()))
    missing = []
    for package in packages:
        module = importlib.import_module(f"ray_nas.{package}")
        missing += [
            f"ray_nas.{package}.{name}"
            for name in module.__all__
            if f"ray_nas.{package}.{name}" not in anchors and name != "figures"
        ]
    assert missing == []


class Silent(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line in the log for each."""

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    handler = functools.partial(Silent, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("width", [390, 1440])
def test_pages_in_a_browser(browser: Any, address: str, width: int) -> None:
    """Nothing complains, nothing is requested from elsewhere, nothing is wider than the screen."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.on("console", lambda one: complaints.append(f"{page.url}: {one.text}"))
    page.on("pageerror", lambda one: complaints.append(f"{page.url}: {one}"))
    # A request that the next page cuts off is no failure.
    page.on("requestfailed", lambda one: "ABORTED" in one.failure or complaints.append(one.url))
    page.on("request", lambda one: one.url.startswith(address) or complaints.append(one.url))
    page.on(
        "response", lambda one: one.status < 400 or complaints.append(f"{one.status}: {one.url}")
    )
    for path in PAGES:
        page.goto(address + path)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            complaints.append(f"{path} is wider than {width} pixels")
        complaints += [f"{path}: {one}" for one in page.evaluate(OVERFLOW)]
    context.close()
    assert complaints == []


def test_the_search_finds_a_page(browser: Any, address: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{address}index.html")
    page.locator("input.md-search__input").fill("epsilon-net")
    page.wait_for_selector(".md-search-result__link")
    links = page.locator(".md-search-result__link").evaluate_all(
        "all => all.map((one) => one.href)"
    )
    assert any("schedulers.html" in link for link in links)
    page.close()
