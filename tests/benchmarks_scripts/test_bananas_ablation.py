import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_tiny_run_prints_every_variant_beside_random_search() -> None:
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "bananas_ablation.py"),
        "--quick",
        "--seeds",
        "2",
        "--queries",
        "25",
    ]
    run = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert run.returncode == 0, run.stderr
    *lines, last = run.stdout.splitlines()
    variants = json.loads(last)["tables"]["nasbench201/cifar10"]
    assert len(variants) == 5
    for name, row in variants.items():
        assert any(name in line for line in lines)
        for middle, low, high in row.values():
            assert low <= middle <= high
    assert variants["paths, belief in size"] != variants["paths, no belief"]
