"""The tutorial runs as it stands."""

import re
from pathlib import Path
from typing import Any

import pytest
import ray

DOCS = Path(__file__).parents[2] / "docs" / "define_your_own_space.md"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "0")
    ray.init(
        address="local", num_cpus=1, num_gpus=0, include_dashboard=False, logging_level="error"
    )
    monkeypatch.setenv(
        "HOME", str(tmp_path)
    )  # for ~/ray_results; not before, since Ray keeps its token at home
    yield
    ray.shutdown()


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::ResourceWarning")
def test_the_tutorial_runs(
    cluster: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    text = DOCS.read_text()
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, str(DOCS), "exec"), names)
    printed = capsys.readouterr().out
    assert re.findall(r"```text\n(.*?)```", text, re.DOTALL)[0] in printed
    assert names["logits"].shape == names["same_shape"].shape == (4, 10)
    assert names["analysis"].best_result["accuracy"] > 0.2
    assert names["limited"].size == 156 - 39 - 27, (
        "without the wide kernels of 16 channels, and the deepest of 16"
    )
    assert names["wide"].size == names["space"].size / 2
