import importlib.util
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import pytest
from ConfigSpace import ConfigurationSpace

from ray_nas.spaces import SearchSpace

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def bench(run_script: Run) -> Run:
    return partial(run_script, "query_efficiency")


def test_a_tiny_run_prints_the_table_and_its_figures(bench: Run, tmp_path: Path) -> None:
    page = tmp_path / "regret.html"
    searchers = ["Bananas", "RandomSearch", "OptunaTPE", "OptunaNSGA2", "HpBandSter"]
    for module in ("optuna", "hpbandster", "plotly"):
        pytest.importorskip(module)
    run = bench(
        *(
            "--tables",
            "conditional",
            "--seeds",
            "2",
            "--queries",
            "26",
            "--workers",
            "8",
            "--plot",
            str(page),
            "--searchers",
        ),
        *searchers,
    )
    assert run.returncode == 0, run.stderr
    *lines, last = run.stdout.splitlines()
    figures = json.loads(last)["tables"]["conditional"]
    assert list(figures) == searchers
    for name in searchers:
        assert any(line.split()[:1] == [name] for line in lines)
        regret = figures[name]["regret"]["25"]
        low, high = regret["iqm_interval"]
        assert 0.0 <= low <= regret["iqm"] <= high
    assert figures["Bananas"]["regret"]["25"]["behind_first"] == 0.0
    assert "plotly" in page.read_text().lower()


def test_random_search_stands_in_every_table_and_ranks_come_last(
    bench: Run, tmp_path: Path
) -> None:
    cache = tmp_path / "cache.jsonl"
    arguments = (
        "--tables",
        "conditional",
        "hpobench/car",
        "--searchers",
        "LocalSearch",
        "--seeds",
        "3",
        "--queries",
        "60",
    )
    first = bench(*arguments, "--cache", str(cache))
    assert first.returncode == 0, first.stderr
    figures = json.loads(first.stdout.splitlines()[-1])
    assert all(set(rows) == {"LocalSearch", "RandomSearch"} for rows in figures["tables"].values())
    ranks = figures["ranks_at_60"]
    assert sum(rank for rank, _, _ in ranks.values()) == pytest.approx(3.0)
    assert all(1.0 <= low <= rank <= high <= 2.0 for rank, low, high in ranks.values())
    runs = cache.read_text()
    assert len(runs.splitlines()) == 2 * 2 * 3
    again = bench(*arguments, "--cache", str(cache))
    assert again.stdout == first.stdout
    assert cache.read_text() == runs, "nothing is run again"


def test_only_the_best_of_a_table_counts_as_found(
    load_script: Callable[[str], ModuleType],
) -> None:
    """Diverged trainings make some tables' spread a billion times the differences that count."""
    module = load_script("query_efficiency")
    space = SearchSpace(ConfigurationSpace({"x": [0, 1, 2]}))
    table = module.Table("made up", space, lambda config: [-1e12, 0.9, 1.0][config["x"]], 1.0, 5e11)
    outcome = module.measure(
        table, "RandomSearch", module.peers()["RandomSearch"], 5, 3, 1, module.ResultCache(None)
    )
    assert (outcome.regrets[:, -1] == 0.0).all()
    assert (outcome.found == (outcome.regrets > 0.0).sum(axis=1) + 1).all()


def test_an_unknown_searcher_is_refused(bench: Run) -> None:
    run = bench("--searchers", "Oracle")
    assert run.returncode != 0
    assert "--searchers: Oracle is not in" in run.stderr


@pytest.mark.parametrize(
    ("searcher", "module"),
    [("SMAC", "smac"), ("SyneTuneBORE", "syne_tune"), ("SyneTuneREA", "syne_tune")],
)
def test_a_peer_runs_if_installed_and_names_its_extra_if_not(
    bench: Run, searcher: str, module: str
) -> None:
    run = bench(
        "--tables",
        "conditional",
        "--seeds",
        "1",
        "--queries",
        "26",
        "--workers",
        "4",
        "--searchers",
        "RandomSearch",
        searcher,
    )
    if importlib.util.find_spec(module):
        assert run.returncode == 0, run.stderr
        assert list(json.loads(run.stdout.splitlines()[-1])["tables"]["conditional"]) == [
            "RandomSearch",
            searcher,
        ]
    else:
        assert run.returncode == 2
        assert f"{searcher} needs the package {module}" in run.stderr
        assert "ray-nas[peers]" in run.stderr
