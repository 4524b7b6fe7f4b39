"""The guide's snippet runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_snippet_of_one_shot_search(tmp_path: Path) -> None:
    (snippet,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "sharing.md").read_text(), re.DOTALL
    )
    script = tmp_path / "script.py"
    begin = (
        'import ray\nray.init(address="local", num_cpus=1, num_gpus=0, '
        "include_dashboard=False, log_to_driver=False)\n"
    )
    script.write_text(
        begin
        + snippet.replace(
            "num_samples", "trial_dirname_creator=lambda trial: trial.trial_id, num_samples"
        )
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_AIR_NEW_OUTPUT": "0"}
    run = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-3000:]
    winners = [line for line in run.stdout.splitlines() if re.match(r"0\.\d+ 0\.\d+ {'edge_", line)]
    assert len(winners) == 2
