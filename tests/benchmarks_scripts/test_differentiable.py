import json
from collections.abc import Callable
from subprocess import CompletedProcess


def test_a_search_stands_beside_random_sampling(
    run_script: Callable[..., CompletedProcess[str]],
) -> None:
    arguments = ["--seeds", "1", "--epochs", "1", "--repeats", "1", "--methods", "gdas"]
    run = run_script("differentiable", *arguments)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    rows = result.get("methods", result)
    assert {"gdas", "random"} <= set(rows)
    for name in ("gdas", "random"):
        assert 0 <= rows[name]["accuracy"] <= 100
