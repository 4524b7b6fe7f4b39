"""The tutorial on spaces runs."""

from pathlib import Path

import pytest
from page_runner import local_ray, read_blocks, run_page

PAGE = "docs/define_your_own_space.md"


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::ResourceWarning")
def test_the_tutorial_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with local_ray(tmp_path):
        names = run_page(PAGE)
    assert read_blocks(PAGE, "text")[0] in capsys.readouterr().out
    assert names["logits"].shape == names["same_shape"].shape == (4, 10)
    assert names["analysis"].best_result["accuracy"] > 0.2
    wide_kernels, deepest = 39, 27  # among the networks with 16 channels
    assert names["limited"].size == 156 - wide_kernels - deepest
    assert names["wide"].size == names["space"].size / 2
