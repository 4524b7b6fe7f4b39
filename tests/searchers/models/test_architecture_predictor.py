import json

import numpy as np

from ray_nas.searchers import Bananas
from ray_nas.searchers.models.architecture_predictor import ArchitecturePredictor
from ray_nas.searchers.models.trial_results import TrialResults
from ray_nas.spaces import NASBench201, SearchSpace


def filled(space: SearchSpace, count: int) -> tuple[Bananas, ArchitecturePredictor, TrialResults]:
    """Trials whose value is the number of 3 x 3 convolutions."""
    searcher = Bananas(space, "score", "max", seed=0)
    results = TrialResults()
    for number in range(count):
        config = searcher.suggest(str(number))
        results.report(str(number), 1.0, (float([*config.values()].count("nor_conv_3x3")),))
    return searcher, ArchitecturePredictor(searcher.problem, searcher.ledger, 5), results


def test_the_acquisition_prefers_what_did_well(cells: NASBench201) -> None:
    _, predictor, results = filled(cells, 30)
    trial_ids, acquisition = predictor.acquisition(results, [], np.random.default_rng(0))
    assert sorted(trial_ids, key=int) == [str(number) for number in range(30)]
    good, bad = (dict.fromkeys(cells.config_space, name) for name in ("nor_conv_3x3", "none"))
    high, low = acquisition(predictor.features([good, bad]))
    assert high > low


def test_only_spaces_of_networks_have_a_prior(cells: NASBench201, small_space: SearchSpace) -> None:
    _, predictor, _ = filled(cells, 1)
    assert predictor.has_prior
    assert not predictor.has_transferred_prior
    assert not filled(small_space, 1)[1].has_prior


def test_restored_hyperparameters_predict_the_same(cells: NASBench201) -> None:
    searcher, predictor, results = filled(cells, 12)
    rows = predictor.features(cells.sample(size=5, random_state=0))
    _, acquisition = predictor.acquisition(results, [], np.random.default_rng(0))
    restored = ArchitecturePredictor(searcher.problem, searcher.ledger, 5)
    restored.set_state(json.loads(json.dumps(predictor.get_state())))
    _, again = restored.acquisition(results, [], np.random.default_rng(0))
    np.testing.assert_allclose(again(rows), acquisition(rows))
