"""The benchmark of the proxies on two cells, and its order of cells."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np


def test_a_small_run_ends_with_its_figures_and_continues_from_its_cache(
    load_script: Callable[[str], ModuleType],
    run_script: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    script = load_script("proxies")
    archs = script.all_cells()[:12]
    rows = [f"{index},{arch},{80 + index}\n" for index, arch in enumerate(archs)]
    accuracy = tmp_path / "accuracy.csv"
    accuracy.write_text("arch_idx,arch_str,test_acc_200ep\n" + "".join(rows))
    columns = list(script.COLUMNS.values())
    table, cache = tmp_path / "table.csv", tmp_path / "cache.csv"
    values = "".join(f"{index}{f',{index}' * len(columns)}\n" for index in range(12))
    table.write_text(",".join(["arch_idx", *columns]) + "\n" + values)
    names = [*script.FAST, *script.SLOW, *script.SLOWEST]
    lines = [
        f"{arch},{name},{float(place)}\n" for place, arch in enumerate(archs) for name in names
    ]
    cache.write_text("arch,proxy,value\n" + "".join(lines))
    arguments = ["--table", str(table), "--accuracy", str(accuracy), "--cache", str(cache)]
    sizes = ["--cells", "12", "--slow-cells", "12", "--slowest-cells", "12"]
    rest = ["--timed-cells", "0", "--memory-networks", "0", "--draws", "20"]
    run = run_script("proxies", *arguments, *sizes, *rest)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert result["agreement"]["naswot"]["spearman"][0] == 1
    assert result["accuracy_all_cells"][0]["AZ-NAS"]["kendall"][0] == 1
    assert cache.read_text().count("\n") == 1 + len(lines)


def test_values_that_are_not_numbers_rank_last(
    load_script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    script = load_script("proxies")
    path = tmp_path / "scores.csv"
    path.write_text("arch,proxy,value\na,jacov,nan\nb,jacov,-3.0\n")
    assert np.argmin(script.Scores(path).column(["a", "b"], "jacov")) == 0


def test_every_proxy_is_in_one_group_of_the_timing(
    load_script: Callable[[str], ModuleType],
) -> None:
    script = load_script("proxies")
    grouped = [name for group in script.GROUPS for name in group]
    assert sorted(grouped) == sorted([*script.FAST, *script.SLOW, *script.SLOWEST])


def test_photographs_are_normalised_patches(load_script: Callable[[str], ModuleType]) -> None:
    images, labels = load_script("proxies").photograph_batch()
    assert images.shape == (64, 3, 32, 32)
    assert abs(images.mean()) < 1e-5
    assert len(labels) == 64
