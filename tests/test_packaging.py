"""The wheel and the sdist hold the package once, under its own name."""

import re
import runpy
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FORMS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*(ROOT / ".github").rglob("*.yml"), ROOT / ".pre-commit-config.yaml"]
)


def build(folder: Path) -> None:
    """Wheel and sdist in a folder."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )


def test_wheel_and_sdist_hold_the_package_once(tmp_path: Path) -> None:
    build(tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"ray_nas"}
    assert "ray_nas/py.typed" in names
    (licence,) = [name for name in names if name.endswith("licenses/LICENSE")]
    assert b"Apache License" in zipfile.ZipFile(wheel).read(licence)
    templates = {name.rpartition("/")[2] for name in names if "/report/templates/" in name}
    assert {
        "page.html.jinja",
        "page.css",
        "page.js",
        "chart.css",
        "verdict.html.jinja",
    } <= templates
    assert names.count("ray_nas/searchers/core/searcher.py") == 1
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        members = [name.split("/", 1)[1] for name in archive.getnames()]
    assert "ray_nas/spaces/core/search_space.py" in members
    assert {"LICENSE", "mkdocs.yml", "docs/guide.md"} <= set(members)
    assert not [name for name in members if name.split("/")[0] in ("searchers", "spaces")]


def test_the_links_at_the_top_lead_to_the_real_folders() -> None:
    for name in ("searchers", "spaces"):
        assert (ROOT / name).resolve() == ROOT / "ray_nas" / name


def test_the_version_is_the_same_everywhere() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)[1]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    released = re.findall(r"^## \[(\d.*)\] - (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert released[0][0] == version
    assert f"\ndate-released: {released[0][1]}\n" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize("name", FORMS)
def test_forms_and_workflows_are_yaml(name: str) -> None:
    content = yaml.safe_load((ROOT / name).read_text())
    assert isinstance(content, dict)
    if "ISSUE_TEMPLATE" in name and not name.endswith("config.yml"):
        assert content.keys() == {"name", "description", "labels", "body"}
        ids = [field["id"] for field in content["body"]]
        assert len(set(ids)) == len(ids)
    for job in content.get("jobs", {}).values():
        commands = [step["run"] for step in job["steps"] if "run" in step]
        for target in re.findall(r"^make (\w+)", "\n".join(commands), re.MULTILINE):
            assert f"\n{target}:" in (ROOT / "Makefile").read_text()


USER_SCRIPT = """
from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import MLPSpace

space = MLPSpace(8, 1)
searcher = RegularizedEvolution(space, metric="loss", mode="min", population_size=4)
reveal_type(space.build({}))
RegularizedEvolution(space, population_sise=4)
"""


@pytest.mark.soak
def test_wheel_and_sdist_work_in_an_empty_environment(tmp_path: Path) -> None:
    """Installed alone: imports, prints its version, and a user's type checker reads its types."""
    build(tmp_path)
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    packages = environment / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    # All that it needs is here already; only the package itself is installed anew.
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = environment / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    for package in (*tmp_path.glob("*.tar.gz"), *tmp_path.glob("*.whl")):
        subprocess.run([*install, "--force-reinstall", package], check=True)
        code = "import ray_nas.cli, ray_nas.report; print(ray_nas.__file__)"
        output = subprocess.run(
            [python, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout
        assert str(environment) in output
    script = tmp_path / "user_script.py"
    script.write_text(USER_SCRIPT)
    checked = subprocess.run(
        [python, "-m", "mypy", "--strict", "--python-executable", python, script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    assert 'Revealed type is "torch.nn.modules.module.Module"' in checked
    assert 'Unexpected keyword argument "population_sise"' in checked
    assert "Found 1 error in 1 file" in checked


def test_the_lowest_versions_are_those_of_the_project() -> None:
    lowest = runpy.run_path(str(ROOT / ".ci" / "small_run.py"))["lowest"]()
    assert {"numpy==1.26", "ray[tune]==2.40"} <= set(lowest)
    assert len(lowest) == 12
    assert not [one for one in lowest if one.startswith("torch")]
