"""The page about proxies runs from top to bottom."""

import math

import pytest
from page_runner import read_blocks, run_page

from ray_nas.estimators.proxies import PROXIES


def test_the_page_runs_and_names_every_proxy(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        names = run_page("docs/proxies.md")
    finally:
        PROXIES.pop("smallest_layer", None)
    assert read_blocks("docs/proxies.md", "text")[0] in capsys.readouterr().out
    assert all(math.isfinite(value) for value in names["values"].values())
    with open("docs/proxies.md") as page:
        text = page.read()
    assert not [name for name in PROXIES if f"`{name}`" not in text]
