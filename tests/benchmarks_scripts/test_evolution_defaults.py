import json
from collections.abc import Callable
from subprocess import CompletedProcess


def test_what_other_tables_choose_stands_beside_defaults_and_random_search(
    run_script: Callable[..., CompletedProcess[str]],
) -> None:
    run = run_script("evolution_defaults", "--quick", "--seeds", "1")
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
