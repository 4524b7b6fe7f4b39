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
import statsmodels.api as sm

from ray_nas.searchers.models.kernel_density import Density, KDEModel


def model_of(space: SearchSpace, **arguments: Any) -> KDEModel:
    return KDEModel(space, np.random.default_rng(0), **arguments)


def fill(model: KDEModel, space: SearchSpace, count: int, budget: float = 1.0) -> None:
    rng = np.random.default_rng(1)
    for number in range(count):
        config = space.sample(random_state=rng)
        model.observe(f"{budget}:{number}", config, budget, float(rng.random()))


def test_densities_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    data = np.column_stack(
        [rng.random(200), rng.integers(3, size=200), rng.random(200), rng.integers(4, size=200)]
    ).astype(float)
    points = np.column_stack(
        [rng.random(30), rng.integers(3, size=30), rng.random(30), rng.integers(4, size=30)]
    ).astype(float)
    theirs = sm.nonparametric.KDEMultivariate(
        data=data, var_type="cucu", bw=np.array([0.1, 0.3, 0.02, 0.5]), rng=0
    )
    ours = Density(data, theirs.bw, np.array([0, 3, 0, 4]))
    np.testing.assert_allclose(np.exp(ours.log_pdf(points)), theirs.pdf(points), rtol=1e-10)


def test_bandwidths_follow_the_normal_reference_rule(cells: NASBench201) -> None:
    space = SearchSpace(CS.ConfigurationSpace({"a": (0.0, 1.0), "b": (0.0, 1.0), "c": ["x", "y"]}))
    model = model_of(space)
    fill(model, space, 100)
    model.get_config()
    for density in model.kde_models.values():
        theirs = sm.nonparametric.KDEMultivariate(
            data=density.data, var_type="ccu", bw="normal_reference", rng=0
        ).bw
        np.testing.assert_allclose(density.bandwidths, np.minimum(theirs, [np.inf, np.inf, 0.5]))


def test_inactive_parameters_are_filled_in_from_other_rows(small_space: SearchSpace) -> None:
    model = model_of(small_space)
    data = np.array([[0.0, 1.0, np.nan], [1.0, 2.0, 1.0], [0.5, 0.0, np.nan], [1.0, 0.0, 1.0]])
    filled = model.impute_conditional_data(data)
    assert filled[:, 2].tolist() == [1.0, 1.0, 1.0, 1.0]
    np.testing.assert_array_equal(filled[:, :2], data[:, :2])
    assert set(model.impute_conditional_data(data[[0, 2]])[:, 2]) <= {0.0, 1.0}  # no row has it


def test_stand_ins_of_inactive_parameters_come_from_the_seeded_generator(
    mixed_space: SearchSpace,
) -> None:
    model = model_of(mixed_space)
    rng = np.random.default_rng(3)
    data = np.array([model._to_vector(mixed_space.sample(random_state=rng)) for _ in range(60)])
    filled = [
        KDEModel(mixed_space, np.random.default_rng(seed)).impute_conditional_data(data)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(filled[0], filled[1])
    assert not np.array_equal(filled[0], filled[2])


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
    assert saved._proposals["43"].move == "model"
    saved.save(str(tmp_path / "state.json"))
    restored = BOHB(mixed_space, "loss", "min", random_fraction=0.0, seed=0)
    restored.restore(str(tmp_path / "state.json"))
    ahead = proposals(restored)
    assert ahead == proposals(saved) == proposals(going_on())


def test_values_survive_the_model(mixed_space: SearchSpace) -> None:
    model = model_of(mixed_space)
    assert len(model.vartypes) == 7, "the constant takes no dimension"
    rng = np.random.default_rng(2)
    for _ in range(50):
        config = mixed_space.sample(random_state=rng)
        vector = np.nan_to_num(model._to_vector(config))
        assert model._to_config(vector) == pytest.approx(config)


def test_forbidden_candidates_are_passed_over_for_the_next_best() -> None:
    config_space = CS.ConfigurationSpace(
        {"a": CS.Categorical("a", list("pqr")), "b": CS.Categorical("b", list("qrp"))}
    )
    for value in "pqr":
        config_space.add(
            CS.ForbiddenAndConjunction(
                *(CS.ForbiddenEqualsClause(config_space[name], value) for name in "ab")
            )
        )
    space = SearchSpace(config_space)
    model = model_of(space, random_fraction=0.0)
    fill(model, space, 60)
    picks = [model.get_config() for _ in range(100)]
    assert all(info["model_based_pick"] and config["a"] != config["b"] for config, info in picks)


def test_the_model_is_that_of_the_largest_budget_with_enough_and_forgets_smaller_ones(
    cells: NASBench201,
) -> None:
    model = model_of(cells)
    fill(model, cells, 50, budget=1.0)
    fill(model, cells, 13, budget=3.0)
    model.get_config()
    assert len(model.kde_models["bad"].data) == 43
    assert set(model.losses) == {1.0, 3.0}
    fill(model, cells, 14, budget=3.0)
    model.get_config()
    assert (len(model.kde_models["good"].data), len(model.kde_models["bad"].data)) == (7, 7)
    assert set(model.losses) == {3.0}


def test_failed_trials_are_bad_on_every_budget_and_never_good(cells: NASBench201) -> None:
    model = model_of(cells)
    broken = dict.fromkeys(cells.config_space, "none")
    fill(model, cells, 10)
    for number in range(40):
        model.observe(f"failed {number}", broken, 0.0, None)
    model.get_config()
    failed = model._to_vector(broken)
    assert not (model.kde_models["good"].data == failed).all(axis=1).any()
    assert (model.kde_models["bad"].data == failed).all(axis=1).sum() == 40


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
    monkeypatch.delitem(sys.modules, "ray_nas.searchers.models.kernel_density")
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
