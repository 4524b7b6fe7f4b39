"""The wheel and the sdist hold the package once, under its own name."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_wheel_and_sdist_hold_the_package_once(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"ray_nas"}
    assert "ray_nas/py.typed" in names
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
    assert not [name for name in members if name.split("/")[0] in ("searchers", "spaces")]


def test_the_links_at_the_top_lead_to_the_real_folders() -> None:
    for name in ("searchers", "spaces"):
        assert (ROOT / name).resolve() == ROOT / "ray_nas" / name
