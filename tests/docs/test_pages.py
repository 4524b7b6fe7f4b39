"""Each page of the documentation runs from top to bottom, on a local Ray."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from page_runner import local_ray, read_blocks, run_page

from ray_nas.sharing.inheritance import identity_rules

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::ResourceWarning")


@pytest.fixture(scope="module", autouse=True)
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with local_ray(tmp_path_factory.mktemp("home")):
        yield


def test_define_your_own_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names = run_page("docs/define_your_own_space.md")
    printed = read_blocks("docs/define_your_own_space.md", "text")[0]
    assert printed in capsys.readouterr().out
    assert names["logits"].shape == names["same_shape"].shape == (4, 10)
    assert names["analysis"].best_result["accuracy"] > 0.2
    wide_kernels, deepest = 39, 27  # among the networks with 16 channels
    assert names["limited"].size == 156 - wide_kernels - deepest
    assert names["wide"].size == names["space"].size / 2


def test_morphisms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity_rules, "_rules", dict(identity_rules._rules))
    names = run_page("docs/morphisms.md")
    trials = names["analysis"].trials
    assert {trial.last_result["inheritance"] for trial in trials} > {"fresh"}
    assert {trial.last_result["lineage_epochs"] for trial in trials} >= {3, 6}
    assert names["inheritance"].kind == "preserved"


def test_differentiable() -> None:
    names = run_page("docs/differentiable.md")
    assert len(names["found"]) == 2
    assert not names["results"].errors
    assert [names["again"].suggest(str(number)) for number in range(2)] == names["found"]


def test_population_based_training() -> None:
    names = run_page("docs/population_based_training.md")
    results = names["results"]
    assert (len(results), results.num_errors) == (4, 0)
    for result in results:
        names["space"].validate(result.config["arch"])
        assert result.metrics["epoch"] == 12
    assert any(result.metrics["moves"] for result in results)


def test_fidelities(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    names = run_page("docs/fidelities.md")
    trials = names["analysis"].trials
    assert {trial.last_result["data"] for trial in trials} <= {1 / 9, 1 / 3, 1}
    assert any(trial.last_result["data"] < 1 for trial in trials)
    assert {row.name for row in names["report"].rows[:2]} == {"depth", "params"}
    assert names["found"].spearman.value > 0.8
    assert "Rank correlation with accuracy at 1 (90 % interval)" in capsys.readouterr().out
    reports: list[dict[str, float]] = []
    monkeypatch.setattr(names["tune"], "report", reports.append)
    names["train_on_growing_images"](names["space"].sample(random_state=0))
    assert [report["resolution"] for report in reports] == [4, 8]


def test_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names = run_page("docs/export.md")
    winner, retraining, larger = names["winner"], names["retraining"], names["larger"]
    assert (winner.largest_difference, winner.weights) == (0.0, "trial")
    assert winner.accuracy == pytest.approx(winner.card["weights"]["metrics"]["accuracy"])
    assert winner.accuracy > 0.7
    assert retraining.test_metric == "test_accuracy"
    runs = [(run.trial, run.seed, run.reason) for run in retraining.trials]
    trials = (retraining.winner, "baseline")
    assert runs == [(trial, seed, "") for trial in trials for seed in (0, 1)]
    again = names["export"](
        names["folder"], space=names["space"], path="again.pt", example_inputs=names["images"][:4]
    )
    assert (again.weights, again.trial) == ("retraining", winner.trial)
    assert larger.fresh == ("head.1.weight", "head.1.bias")
