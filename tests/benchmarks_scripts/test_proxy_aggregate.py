import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]
TABLES = ["perceptron", "convolution_1d", "transformer", "mobile"]


def test_small_tables_and_cells_are_ranked_beside_size(run_script: Run, tmp_path: Path) -> None:
    table = tmp_path / "cells.csv"
    cells = [
        f"|{first}~0|+|none~0|nor_conv_3x3~1|+|{last}~0|none~1|skip_connect~2|"
        for first in ("none", "skip_connect", "nor_conv_3x3")
        for last in ("nor_conv_1x1", "avg_pool_3x3")
    ]
    lines = [f"{index},{cell},{90 + index}" for index, cell in enumerate(cells)]
    table.write_text("\n".join(["arch_idx,arch_str,test_acc_200ep", *lines]))
    cache = str(tmp_path / "cache.jsonl")
    arguments = ["--quick", "--cells", "3", "--networks", "3", "--table", str(table)]
    run = run_script("proxy_aggregate", *arguments, "--cache", cache)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert set(result["spearman"]) == {*TABLES, "nasbench201"}
    for columns in result["spearman"].values():
        assert list(columns) == ["aggregate", "naswot + params", "params", "flops", "margin"]
        better = max(columns["params"][0], columns["flops"][0])
        assert abs(columns["margin"][0] - (columns["aggregate"][0] - better)) < 0.002
        assert all(low <= high for _, low, high in columns.values())
    assert result["milliseconds"] > 0
    again = run_script("proxy_aggregate", *arguments, "--cache", cache)
    assert again.stdout.splitlines()[-1] == run.stdout.splitlines()[-1]


@pytest.mark.filterwarnings("ignore:flops is left out")  # the table has no such column
def test_fitted_is_measured_on_published_proxies(run_script: Run, tmp_path: Path) -> None:
    from ray_nas.spaces import NASBench201

    space = NASBench201()
    cells = [space.to_arch_str(space.sample(random_state=seed)) for seed in range(160)]
    table, proxies = tmp_path / "cells.csv", tmp_path / "proxies.csv"
    rows = [f"{index},{cell},{cell.count('3x3')}" for index, cell in enumerate(cells)]
    table.write_text("\n".join(["arch_idx,arch_str,test_acc_200ep", *rows]))
    values = [f"{index},{index % 7},{index % 5},{index % 3}" for index in range(160)]
    proxies.write_text("\n".join(["arch_idx,nwot,params,jacov", *values]))
    arguments = ["--quick", "--cells", "2", "--networks", "2", "--seeds", "2"]
    files = ["--table", str(table), "--proxies", str(proxies)]
    run = run_script("proxy_aggregate", *arguments, *files)
    assert run.returncode == 0, run.stderr
    kendall = json.loads(run.stdout.splitlines()[-1])["kendall"]
    assert kendall["cells"] == 160
    assert kendall["proxies"] == ["naswot", "params", "jacov"]
    assert kendall["128"][0] > kendall["prior"] + 0.3
