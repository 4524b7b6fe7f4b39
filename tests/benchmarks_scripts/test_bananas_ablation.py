import json
from collections.abc import Callable
from subprocess import CompletedProcess


def test_a_tiny_run_prints_every_variant_beside_random_search(
    run_script: Callable[..., CompletedProcess[str]],
) -> None:
    run = run_script("bananas_ablation", "--quick", "--seeds", "2", "--queries", "25")
    assert run.returncode == 0, run.stderr
    *lines, last = run.stdout.splitlines()
    variants = json.loads(last)["tables"]["nasbench201/cifar10"]
    assert len(variants) == 5
    for name, row in variants.items():
        assert any(name in line for line in lines)
        for middle, low, high in row.values():
            assert low <= middle <= high
    assert variants["paths, belief in size"] != variants["paths, no belief"]
