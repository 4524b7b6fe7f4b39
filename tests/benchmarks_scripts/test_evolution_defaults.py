import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_what_other_tables_choose_stands_beside_defaults_and_random_search() -> None:
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "evolution_defaults.py"),
        "--quick",
        "--seeds",
        "1",
    ]
    run = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert run.returncode == 0, run.stderr
    figures = json.loads(run.stdout.splitlines()[-1])["200"]
    columns = ["other tables", "other families", "P=20 S=20", "P=100 S=25", "RandomSearch"]
    assert all(list(row) == columns for row in figures["tables"].values())
    for row in figures["tables"].values():
        assert row["other tables"]["pick"].startswith("P=")
        assert all(
            cell["interval"][0] <= cell["mean"] <= cell["interval"][1] for cell in row.values()
        )
    assert set(figures["ranks"]["held out"]) == set(columns)
