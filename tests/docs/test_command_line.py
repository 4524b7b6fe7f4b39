"""The page on the command line names every command, and its code runs."""

import re
from pathlib import Path

from page_runner import ROOT, read_blocks, run_page
from typer.main import get_command
from typer.testing import CliRunner

from ray_nas.cli import app


def test_the_page_names_every_command_and_no_unknown_option() -> None:
    text = (ROOT / "docs/command_line.md").read_text()
    commands = get_command(app).commands
    assert all(f"`ray-nas {name}" in text for name in commands)
    for block in read_blocks("docs/command_line.md", "console"):
        for line in block.replace("\\\n", " ").splitlines():
            _, name, *_ = line.split()
            known = {option for one in commands[name].params for option in one.opts}
            assert set(re.findall(r"--[a-z-]+", line)) <= known


def test_its_code_runs(monkeypatch) -> None:
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "1")
    assert run_page("docs/command_line.md")["run_config"].verbose == 0


def test_its_simulation_runs(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{op},{width},{epoch},{width * epoch},5" for op in ("conv", "pool")
            for width in (1, 2) for epoch in (1, 2)]  # fmt: skip
    Path("table.csv").write_text("\n".join(["op,width,epoch,score,seconds", *rows]) + "\n")
    command = read_blocks("docs/command_line.md", "console")[1].replace("\\\n", " ")
    for line in command.splitlines():
        result = CliRunner().invoke(app, line.split()[1:])
        assert result.exit_code == 0, result.output
