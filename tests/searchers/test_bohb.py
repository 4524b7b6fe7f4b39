import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ConfigSpace as CS
import numpy as np
import pytest
import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.schedulers.hb_bohb import HyperBandForBOHB

from ray_nas.searchers import BOHB, RandomSearch
from ray_nas.simulation import simulate
from ray_nas.spaces import NASBench201, SearchSpace

pytest.importorskip("hpbandster", reason='the extra "bohb" wants a C compiler')


def test_a_restored_search_proposes_as_one_that_went_on(
    mixed_space: SearchSpace, tmp_path: Path
) -> None:
    def going_on() -> BOHB:
        """Four trials in flight, so that a fitted model proposes again before anything is
        reported.
        """
        searcher = BOHB(mixed_space, "loss", "min", random_fraction=0.0, seed=0)
        for number in range(44):
            searcher.suggest(str(number))
            if number < 40:
                searcher.on_trial_complete(
                    str(number), {"loss": float(number * 7 % 40), "training_iteration": 1}
                )
        return searcher

    def proposals(searcher: BOHB) -> list[Any]:
        return [searcher.suggest(str(number)) for number in range(44, 60)]

    saved = going_on()
    assert saved.ledger.proposals["43"].move == "model"
    saved.save(str(tmp_path / "state.json"))
    restored = BOHB(mixed_space, "loss", "min", random_fraction=0.0, seed=0)
    restored.restore(str(tmp_path / "state.json"))
    ahead = proposals(restored)
    assert ahead == proposals(saved) == proposals(going_on())


def test_it_learns_from_reports_and_from_final_results() -> None:
    space = SearchSpace(CS.ConfigurationSpace({"x": (0.0, 1.0)}))
    searcher = BOHB(space, "loss", "min", seed=0)
    for number in range(8):
        config = searcher.suggest(str(number))
        assert isinstance(config, dict)
        searcher.on_trial_result(str(number), {"loss": 2.0, "training_iteration": 1})
        searcher.on_trial_complete(str(number), {"loss": config["x"], "training_iteration": 3})
    assert len(searcher.model.losses[3.0]) == 8
    assert max(searcher.model.losses[3.0].values()) <= 1.0


def test_it_is_silent_and_leaves_numpys_global_generator_alone(
    mixed_space: SearchSpace, capfd: pytest.CaptureFixture[str]
) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    searcher = BOHB(mixed_space, "loss", "min", seed=0)
    for number in range(60):
        config = searcher.suggest(str(number))
        searcher.on_trial_complete(str(number), {"loss": config["rate"], "training_iteration": 1})
    assert any(proposal.move == "model" for proposal in searcher.ledger.proposals.values())
    assert capfd.readouterr() == ("", "")
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_without_hpbandster_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, cells: NASBench201
) -> None:
    monkeypatch.setitem(sys.modules, "hpbandster.optimizers.config_generators.bohb", None)
    monkeypatch.delitem(sys.modules, "ray_nas.searchers.models.kernel_density", raising=False)
    with pytest.raises(ImportError, match=r"ray-nas\[bohb\]"):
        BOHB(cells)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("top_n_percent", 0),
        ("num_samples", 0),
        ("random_fraction", 1.5),
        ("bandwidth_factor", 0.0),
        ("min_bandwidth", 0.7),
    ],
)
def test_wrong_arguments_are_refused_by_name(
    argument: str, value: float, cells: NASBench201
) -> None:
    with pytest.raises(ValueError, match=rf"{argument}.*{value}"):
        BOHB(cells, **{argument: value})


def bowl(config: dict[str, Any]) -> Iterator[tuple[float, dict[str, Any]]]:
    """Least at five 3x3 convolutions and a skip, learning rate 1e-2, weight decay 1e-4; known
    better with each epoch.
    """
    wrong = sum(value != "nor_conv_3x3" for value in config["arch"].values()) / 6
    loss = wrong + abs(np.log10(config["lr"]) + 2) + abs(np.log10(config["decay"]) + 4)
    for epoch in (1, 3, 9):
        yield 1.0, {"loss": loss + 1 / epoch, "epoch": epoch}


def search_bowl(searcher: Any, cells: NASBench201) -> float:
    param_space = {
        "arch": cells,
        "lr": tune.loguniform(1e-5, 1.0),
        "decay": tune.loguniform(1e-7, 1e-1),
    }
    searcher.set_search_properties("loss", "min", param_space)
    scheduler = ASHAScheduler(
        time_attr="epoch", max_t=9, metric="loss", mode="min", reduction_factor=3
    )
    return float(
        simulate(bowl, searcher, scheduler, num_workers=4, max_trials=150, seed=0).best.metrics[
            "loss"
        ]
    )


def test_architecture_and_tunes_own_domains_are_optimised_together(cells: NASBench201) -> None:
    found = [search_bowl(BOHB(time_attr="epoch", seed=seed), cells) for seed in range(4)]
    random = [search_bowl(RandomSearch(seed=seed), cells) for seed in range(4)]
    assert np.mean(found) < np.mean(random) - 0.1


class Train(tune.Trainable):
    def setup(self, config: dict[str, Any]) -> None:
        self.width, self.steps = config["width"], 0

    def step(self) -> dict[str, Any]:
        self.steps += 1
        return {"loss": abs(self.width - 32) + 1 / self.steps, "steps": self.steps}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        self.steps = (checkpoint or {"steps": 0})["steps"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True


def test_hyperband_for_bohb_pauses_and_goes_on(tmp_path: Any) -> None:
    ray.cloudpickle.register_pickle_by_value(
        sys.modules[__name__]
    )  # workers have no tests to import
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own start
        ray.init(
            address="local", num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False
        )
        space = CS.ConfigurationSpace({"width": (8, 64)})
        searcher = BOHB(space, "loss", "min", seed=0)
        scheduler = HyperBandForBOHB(
            time_attr="training_iteration", metric="loss", mode="min", max_t=9, reduction_factor=3
        )
        config = tune.TuneConfig(
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=14,
            reuse_actors=True,
            max_concurrent_trials=2,
        )
        run = tune.RunConfig(storage_path=str(tmp_path), verbose=0)
        results = tune.Tuner(Train, tune_config=config, run_config=run).fit()
        ray.shutdown()
    assert not results.errors
    assert {result.metrics["training_iteration"] for result in results} >= {3, 9}
    assert all(
        result.metrics["steps"] == result.metrics["training_iteration"] for result in results
    )
