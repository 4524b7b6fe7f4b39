"""A real browser, where there is one."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium. CI sets RAY_NAS_NEEDS_CHROMIUM: there, it must exist."""
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        found = []
    if not found:
        reason = "no Chromium (apt-get install chromium) or no playwright (pip)"
        if os.environ.get("RAY_NAS_NEEDS_CHROMIUM"):
            pytest.fail(f"RAY_NAS_NEEDS_CHROMIUM is set, and there is {reason}")
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found[0], args=["--no-sandbox"])
        yield started
        started.close()
