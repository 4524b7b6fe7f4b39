"""Trackers show architecture parameters as hyperparameters: TensorBoard, MLflow, W&B, Optuna."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration_page import run_section

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("searches")


@pytest.fixture(scope="module")
def base(folder: Path) -> dict[str, Any]:
    """A search, with Tune's own logger."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return run_section("TensorBoard")


@pytest.fixture
def names(base: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the search has defined; in its folder."""
    monkeypatch.chdir(folder)
    return dict(base)


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """A trial's config, its choices named by their paths."""
    return {"lr": config["lr"], **{f"arch/{name}": v for name, v in config["arch"].items()}}


def test_tensorboard(names: dict[str, Any]) -> None:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    plugin = pytest.importorskip("tensorboard.plugins.hparams.plugin_data_pb2")
    for result in names["results"]:
        events = accumulators.EventAccumulator(result.path).Reload()
        content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
        shown = plugin.HParamsPluginData.FromString(content).session_start_info.hparams
        values = {name: getattr(v, v.WhichOneof("kind")) for name, v in shown.items()}
        assert values == pytest.approx(flat(result.config))
        assert [event.step for event in events.Scalars("ray/tune/loss")] == [1, 2]


def test_mlflow(names: dict[str, Any]) -> None:
    mlflow = pytest.importorskip("mlflow")
    run_section("MLflow", names)
    client = mlflow.MlflowClient("sqlite:///mlflow.db")
    experiment = client.get_experiment_by_name("search")
    runs = {
        run.data.tags["trial_name"]: run for run in client.search_runs([experiment.experiment_id])
    }
    assert len(runs) == len(names["results"]) == 2
    for result in names["results"]:
        run = next(run for name, run in runs.items() if result.metrics["trial_id"] in name)
        wanted = {name: str(value) for name, value in flat(result.config).items()}
        assert run.data.params == wanted
        assert run.data.metrics["loss"] == result.metrics["loss"]
        assert run.info.status == "FINISHED"


def test_weights_and_biases(names: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    run_section("Weights & Biases", names)
    # Tune may copy the experiment before W&B has written the last trial's file.
    written = [one for one in names["results"] if list(Path(one.path).glob("wandb/*/*.wandb"))]
    assert written
    for result in written:
        config, last = read_wandb(result.path)
        assert config["arch"] == result.config["arch"]
        assert config["lr"] == pytest.approx(result.config["lr"])
        assert last["loss"] == pytest.approx(result.metrics["loss"])


def read_wandb(folder: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The config and the last line of the history in an offline run's file."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = Path(folder).glob("wandb/offline-run-*/*.wandb")
    config: dict[str, Any] = {}
    last: dict[str, Any] = {}
    for data in read_blocks(path.read_bytes()):
        record = Record.FromString(data)
        for entry in [*record.run.config.update, *record.config.update]:
            config[entry.key] = json.loads(entry.value_json)
        for entry in record.history.item:
            last[entry.key or "/".join(entry.nested_key)] = json.loads(entry.value_json)
    return config, last


def read_blocks(content: bytes) -> Iterator[bytes]:
    """The records of a W&B file: LevelDB's log format, after a header of 7 bytes."""
    assert content.startswith(b":W&B")
    block_size, header_size, full, last = 32_768, 7, 1, 4
    position, record = header_size, b""
    while position + header_size <= len(content):
        left = block_size - position % block_size
        if left < header_size:
            position += left
            continue
        _, size, kind = struct.unpack_from("<IHB", content, position)
        position += header_size
        record += content[position : position + size]
        position += size
        if kind in (full, last):
            yield record
            record = b""


def test_optuna(names: dict[str, Any], few_lines: Any) -> None:
    optuna = pytest.importorskip("optuna")
    few_lines("Optuna")
    run_section("Optuna", names)
    study = optuna.load_study(study_name="search", storage="sqlite:///search.db")
    best = names["results"].get_best_result()
    assert study.best_value == best.metrics["loss"]
    assert study.best_params == pytest.approx(
        {name.replace("/", ".", 1): value for name, value in flat(best.config).items()}
    )
    assert study.best_trial.intermediate_values == {1: 2 * study.best_value, 2: study.best_value}
    assert {trial.state.name for trial in study.trials} == {"COMPLETE"}


def test_optuna_dashboard_opens_the_study(names: dict[str, Any]) -> None:
    dashboard = pytest.importorskip("optuna_dashboard")
    if not Path("search.db").exists():
        run_section("Optuna", names)
    application = dashboard.wsgi("sqlite:///search.db")
    answer = ask(application, "/api/studies")
    assert [study["study_name"] for study in answer["study_summaries"]] == ["search"]
    details = ask(application, f"/api/studies/{answer['study_summaries'][0]['study_id']}")
    assert len(details["trials"]) == 2
    assert "arch.depth" in {parameter["name"] for parameter in details["union_search_space"]}


def ask(application: Any, path: str) -> Any:
    """What a WSGI application answers, as JSON."""
    from wsgiref.util import setup_testing_defaults

    environ: dict[str, Any] = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    status: list[str] = []
    body = b"".join(application(environ, lambda code, headers, *_: status.append(code)))
    assert status[0].startswith("200"), (status, body[:500])
    return json.loads(body)
