"""`ray-nas spaces` and `ray-nas searchers`."""

import json

from typer.testing import CliRunner

from ray_nas.cli import app
from ray_nas.searchers.registry import SEARCHERS


def listed(command: str) -> dict[str, dict[str, str]]:
    rows = json.loads(CliRunner().invoke(app, [command, "--json"]).stdout)
    return {row["name"]: row for row in rows}


def test_every_searcher_has_a_line_and_its_arguments() -> None:
    rows = listed("searchers")
    assert set(rows) == {*SEARCHERS, "OneShot"}
    assert all(row["summary"].endswith(".") for row in rows.values())
    assert "population_size: int = 20" in rows["RegularizedEvolution"]["arguments"]


def test_ready_made_spaces_have_a_line() -> None:
    rows = listed("spaces")
    assert {"NASBench201", "DARTS", "ModelSpace"} <= set(rows)
    assert not {"SearchSpace", "JointSpace", "LayerChoice"} & set(rows)
    text = CliRunner().invoke(app, ["spaces"]).output
    assert all(name in text for name in rows)
