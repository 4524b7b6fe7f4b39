"""The wheel and the sdist hold the package once, under its own name."""

import os
import re
import runpy
import shutil
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


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel; the packages that it needs are those of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    packages = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    build(folder / "dist")
    return folder


def run(*command: str | Path, folder: Path, check: bool = True) -> str:
    """What a command printed that finds nothing of this checkout."""
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=folder, env=outside, check=check, capture_output=True, text=True
    ).stdout


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["*.tar.gz", "*.whl"])
def test_a_package_works_in_an_empty_environment(environment: Path, kind: str) -> None:
    (package,) = (environment / "dist").glob(kind)
    python = environment / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    run(*pip, "--force-reinstall", package, folder=environment)
    code = "import ray_nas.cli, ray_nas.report; print(ray_nas.__file__)"
    assert str(environment) in run(python, "-c", code, folder=environment)


@pytest.mark.soak
def test_a_users_type_checker_reads_the_types(environment: Path) -> None:
    """With pyright where there is one, else with mypy."""
    (package,) = (environment / "dist").glob("*.whl")
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", package, folder=environment)
    script = environment / "user_script.py"
    script.write_text(USER_SCRIPT)
    pyright = shutil.which("pyright")
    command = [pyright] if pyright else [python, "-m", "mypy", "--strict"]
    checked = run(
        *command,
        "--pythonpath" if pyright else "--python-executable",
        python,
        script,
        folder=environment,
        check=False,
    )
    assert re.search(r'is "(torch\.nn\..*)?Module"', checked)
    assert "population_sise" in checked
    assert re.search(r"Found 1 error in 1 file|^1 error", checked, re.MULTILINE)


def test_the_lowest_versions_are_those_of_the_project() -> None:
    lowest = runpy.run_path(str(ROOT / ".ci" / "small_run.py"))["lowest"]()
    assert {"numpy==2.0", "ray[tune]==2.43"} <= set(lowest)
    assert len(lowest) == 12
    assert not [one for one in lowest if one.startswith("torch")]
