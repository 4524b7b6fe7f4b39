"""The README's snippets run as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def snippets() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_the_snippet_of_virtual_time(capsys: pytest.CaptureFixture[str]) -> None:
    exec(snippets()[2], {})
    assert capsys.readouterr().out.startswith("200 trainings, ")


def test_the_snippets_of_a_search_run_as_a_script(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        'import ray\nray.init(address="local", num_cpus=2, num_gpus=0, include_dashboard=False)\n'
        + snippets()[0].replace("num_samples=10", "num_samples=3")
        + snippets()[1]
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_AIR_NEW_OUTPUT": "0"}
    run = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert "'width': " in run.stdout.splitlines()[-1]
