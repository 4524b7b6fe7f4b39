"""The examples of scenes, tables, several tasks, limits, joint searches and policies run and end
with test figures.
"""

import json
import math
import re
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from local_ray import local_ray

FOLDER = Path(__file__).parents[2] / "examples"
NAMES = {  # the most lines; what needs more says why in its code: a loss, boxes, an RLModule
    "segmentation": 130,
    "detection": 195,
    "reinforcement_learning": 150,
    "tables": 130,
    "several_tasks": 130,
    "edge": 152,
    "joint": 130,
    "migrated": 140,
}
PACKAGES = {
    "tables": "river",
    "migrated": "river",
    "edge": "mlxtend",
    "reinforcement_learning": "gymnasium",
}
SLOW = {"segmentation", "detection", "reinforcement_learning", "tables", "several_tasks", "edge"}
"""Their quick runs take about a minute each beside other tests."""
FIGURES = {"winner", "hand_made", "trivial"}


@pytest.fixture(scope="module")
def a_runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    results = str(tmp_path_factory.mktemp("results"))
    patch.setattr("ray.train.constants.DEFAULT_STORAGE_PATH", results)
    patch.delenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", raising=False)
    patch.setenv("RAY_AIR_NEW_OUTPUT", "0")  # the examples set it, too; here it is undone
    with local_ray(num_cpus=1):
        yield
    patch.undo()


def main_of(name: str) -> Callable[[list[str]], dict[str, float]]:
    """The example's `main`; its functions are pickled by value, as those of a script are."""
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name])
    main: Callable[[list[str]], dict[str, float]]
    main = runpy.run_path(str(FOLDER / f"{name}.py"), run_name=f"example_{name}")["main"]
    return main


def check(figures: dict[str, float]) -> None:
    assert set(figures) >= FIGURES
    assert all(math.isfinite(value) for value in figures.values())


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.soak if name in SLOW else ()) for name in NAMES],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # RLlib's own
def test_a_quick_run_ends_with_test_figures(
    name: str, a_runtime: None, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = main_of(name)(["--quick"])
    check(figures)
    printed = capsys.readouterr().out
    assert all(f"  {each}" in printed for each in FIGURES)
    assert "ray-nas report" in printed


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_the_winner_beats_the_trivial_answer(name: str, a_runtime: None) -> None:
    figures = main_of(name)([])
    check(figures)
    assert figures["winner"] > figures["trivial"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_an_example_is_short_and_says_how_it_is_run(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main_of(name)(["--help"])
    assert ended.value.code == 0
    assert "--quick" in capsys.readouterr().out
    code = (FOLDER / f"{name}.py").read_text()
    assert len(code.splitlines()) <= NAMES[name]
    assert set(re.findall(r"# (?:\+ )?([123])(?:: |$)", code, re.MULTILINE)) == {"1", "2", "3"}
    for command in (f"python examples/{name}.py", f"python examples/{name}.py --quick"):
        assert command in code


def test_the_migrated_script_changes_ten_lines_at_most() -> None:
    code = (FOLDER / "migrated.py").read_text()
    assert 1 <= len(re.findall(r"# \+(?: [123]\b.*)?$", code, re.MULTILINE)) <= 10
    assert 1 <= len(re.findall(r"^ *# - ", code, re.MULTILINE)) <= 10


def test_the_notebook_runs_from_its_first_cell_to_its_last(
    a_runtime: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAY_NAS_QUICK", "1")
    kernel, display = ModuleType("IPython"), ModuleType("IPython.display")
    vars(kernel).update(get_ipython=lambda: None, display=display)
    vars(display).update(SVG=str, HTML=str)
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    names: dict[str, object] = {"__name__": "__main__"}  # its functions are pickled by value
    for cell in cells("code"):
        exec(compile(cell, "notebook.ipynb", "exec"), names)
    figures = names["figures"]
    assert isinstance(figures, dict)
    check({name: values[0] for name, values in figures.items()})
    assert Path(str(names["page"])).read_text().startswith("<!doctype html>")
    assert "winner" in capsys.readouterr().out


def test_the_notebook_is_stored_without_outputs() -> None:
    content = json.loads((FOLDER / "notebook.ipynb").read_text())
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert {"cells", "metadata"} <= set(content)
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])
    assert all(cell["metadata"] == {} for cell in content["cells"])
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
    for edit in ("# 1: ", "# 2: ", "# 3: "):
        assert any(edit in cell for cell in cells("code"))


def cells(kind: str) -> list[str]:
    content = json.loads((FOLDER / "notebook.ipynb").read_text())
    return ["".join(each["source"]) for each in content["cells"] if each["cell_type"] == kind]
