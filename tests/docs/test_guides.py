"""The pages of the documentation site run, and name what exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from page_runner import ROOT, local_ray, read_blocks, run_page
from ray import tune

import ray_nas.schedulers
import ray_nas.searchers
import ray_nas.sharing
import ray_nas.spaces
from ray_nas.searchers import RandomSearch
from ray_nas.simulation import simulate
from ray_nas.spaces import NASBench201

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::ResourceWarning")

PACKAGES = (
    ray_nas.schedulers,
    ray_nas.searchers,
    ray_nas.sharing,
    ray_nas.spaces,
    torch.nn,
    tune,
    tune.schedulers,
)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with local_ray(tmp_path_factory.mktemp("home")):
        yield


@pytest.mark.usefixtures("runtime")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from inside torch's ONNX exporter
def test_guide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names = run_page("docs/guide.md")
    printed = capsys.readouterr().out
    assert read_blocks("docs/guide.md", "text")[0] in printed
    assert names["winner"].weights == "retraining"
    assert names["winner"].accuracy > 0.7
    assert names["page"].stat().st_size > 10_000
    first, *_ = load_trials(names)
    assert first.config == names["space"].baseline
    accuracy = float(printed.rsplit(": ", 1)[1])
    assert accuracy == pytest.approx(names["winner"].accuracy, abs=0.2)


def load_trials(names: dict) -> list:
    """The trials of the guide's search, in the order of their proposals."""
    return list(names["load"](names["folder"]).trials.values())


def test_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    names = run_page("docs/spaces.md")
    assert names["space"].size > names["wide"].size > 0
    assert names["child"] in names["around"]
    assert "'arch.activation'" in capsys.readouterr().out
    page = (ROOT / "docs/spaces.md").read_text()
    ready_made = {name for name in ray_nas.spaces.__all__ if name[0].isupper()}
    ready_made -= {"InputChoice", "JointSpace", "LayerChoice", "Repeat", "ValueChoice"}
    ready_made -= {"Slicing", "Supernet"}
    assert {name for name in ready_made if f"`{name}(" not in page} == set()


def test_searchers(capsys: pytest.CaptureFixture[str]) -> None:
    names = run_page("docs/searchers.md")
    assert len(names["history"].trials) == 60
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("RegularizedEvolution: ")
    assert "after 1 hours" in lines[0]
    page = (ROOT / "docs/searchers.md").read_text()
    searchers = {name for name in ray_nas.searchers.__all__ if name[0].isupper()}
    searchers -= {"ArchitectureSearcher", "Observation", "Proposal", "SearcherArguments"}
    assert {name for name in searchers if f"`{name}`" not in page} == set()


def test_objectives() -> None:
    names = run_page("docs/objectives.md")
    assert names["front"]
    config = names["searcher"].suggest("new")
    assert names["costs"](config)["params"] / 500 <= 20


def test_defend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run_page("docs/defend.md")
    assert names["record"].baseline is not None
    assert names["page"].read_text().count("<section") == 11


@pytest.mark.parametrize("page", ["docs/index.md", "docs/coming_from.md"])
def test_short_pages(page: str) -> None:
    assert run_page(page)["space"].size > 1


def made_experiment(folder: Path) -> list[dict]:
    """Saves a simulated search in a folder; its reports, one row each."""
    space = NASBench201(channels=4, cells_per_stage=1)

    def train(config):
        convolutions = sum("conv" in operation for operation in config.values())
        for epoch in range(1, 10):
            yield 60.0, {"accuracy": (1 + convolutions) * (1 - 0.7**epoch) / 7, "epoch": epoch}

    searcher = RandomSearch(space, "accuracy", "max", seed=0)
    history = simulate(train, searcher, max_trials=12)
    folder.mkdir(parents=True)
    searcher.save(str(folder / "state.json"))
    return [
        {"trial": trial.trial_id, **trial.config, **metrics}
        for trial in history.trials
        for _, metrics in train(trial.config)
    ]


def test_schedulers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made_experiment(tmp_path / "results" / "last_week")
    rows = made_experiment(tmp_path / "results" / "my_experiment")
    given = {"data_frame": pd.DataFrame(rows)}
    names = run_page("docs/schedulers.md", given)
    poor = names["StopPoorTrials"](time_attr="epoch", max_t=9)
    assert poor._stop_reason("a", 1, {"score": 0.4}, True) == "score is below 0.5"
    assert "90 % interval" in capsys.readouterr().out


def test_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def objective(config):
        for epoch in range(1, 4):
            yield 600.0, {"accuracy": epoch / 3, "epoch": epoch}

    given = {
        "RandomSearch": RandomSearch,
        "RegularizedEvolution": ray_nas.searchers.RegularizedEvolution,
        "objective": objective,
        "path": str(tmp_path / "search"),
        "scheduler": None,
        "space": NASBench201(channels=4, cells_per_stage=1),
        "train": lambda config: None,
        "tune": tune,
    }
    names = run_page("docs/cluster.md", given, {"max_trials=1_000": "max_trials=5"})
    assert len(names["history"].trials) == 5
    assert 0 < names["history"].utilization["GPU"] < 1
    for block in read_blocks("docs/cluster.md", "yaml"):
        assert {"nodeSelector", "tolerations"} == set(yaml.safe_load(block))


def test_names_on_the_page_for_newcomers_exist() -> None:
    rows = re.findall(r"^\|.*\|(.*)\|$", (ROOT / "docs/coming_from.md").read_text(), re.MULTILINE)
    code = " ".join(re.findall(r"`([^`]+)`", " ".join(rows)))
    names = set(re.findall(r"\b[A-Z]\w*[a-z]\w*\b", code)) - {
        "FOLDER",
        "Net",
        "None",
        "OptunaSearch",
    }
    assert len(names) > 15
    assert {
        name for name in names if not any(hasattr(package, name) for package in PACKAGES)
    } == set()
