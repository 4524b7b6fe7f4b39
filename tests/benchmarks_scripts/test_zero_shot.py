"""Zero-shot searches on a table: the more convolutions, the better."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from ray_nas.spaces import NASBench201

SPACE = NASBench201()


def test_a_score_that_ranks_like_the_accuracy_finds_the_best(
    tmp_path: Path, run_script: Callable[..., CompletedProcess[str]]
) -> None:
    with (tmp_path / "table.csv").open("w") as table, (tmp_path / "scores.csv").open("w") as scores:
        accuracies, proxies = csv.writer(table), csv.writer(scores)
        accuracies.writerow(["arch_str", "test_acc_200ep"])
        proxies.writerow(["key", "params", "flops", "naswot"])
        for config in SPACE.grid():
            convolutions = sum("conv_3x3" in operation for operation in config.values())
            accuracies.writerow([SPACE.to_arch_str(config), convolutions])
            proxies.writerow([SPACE.canonical(config), *[convolutions] * 3])
    files = ("--table", str(tmp_path / "table.csv"), "--scores", str(tmp_path / "scores.csv"))
    run = run_script("zero_shot", *files, "--quick", "--te-nas-seeds", "0")
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert result["aggregate"]["test_accuracy"][0] == 6
    assert result["random"]["test_accuracy"][0] < 3 < result["naswot"]["test_accuracy"][0]
    assert "te_nas" not in result
