import numpy as np
import pytest
from small_searches import Config, noise, random_config, retraining, search, signal, worth

from ray_nas.record import ExperimentRecord
from ray_nas.report.verdict import verdict

RECORD = search(signal, baseline=True, seed=3)


def test_a_planted_winner_is_better_by_an_interval() -> None:
    found = verdict(RECORD)
    assert found.sentence.startswith("Better: in the search the winner was ahead of the baseline")
    labels = [label for label, _ in found.numbers]
    assert labels == [
        "gain over the baseline",
        "winner's accuracy",
        "probability of being better",
        "cost",
    ]
    assert found.numbers[3][1] == "60 trials"


def test_noise_is_never_better() -> None:
    found = [verdict(search(noise, baseline=True, seed=seed)).sentence for seed in range(20)]
    assert sum(sentence.startswith("Better") for sentence in found) <= 1
    assert sum(sentence.startswith("No better") for sentence in found) >= 10


@pytest.mark.parametrize(
    ("winner", "baseline", "word"),
    [
        ([3.0, 3.1, 3.2], [1.0, 1.1, 1.2], "Better: trained again with 3 new seeds"),
        ([1.0, 1.1, 1.2], [3.0, 3.1, 3.2], "Worse: "),
        ([1.0, 2.0, 3.0], [1.1, 2.1, 3.1], "No better: "),
        ([1.0, 3.0, 5.0], [0.0, 1.5, 3.0], "Not decidable: "),
        ([1.0], [0.0], "Not decidable: one seed each"),
    ],
)
def test_after_retraining_it_rests_on_the_new_seeds(
    winner: list[float], baseline: list[float], word: str
) -> None:
    found = verdict(RECORD, retraining(winner, baseline))
    assert found.sentence.startswith(word)
    assert len(found.numbers) == 4
    assert found.numbers[3][1].endswith("retrainings")


def test_retraining_on_validation_data_says_so() -> None:
    found = verdict(RECORD, retraining([3, 3.1], [1, 1.1], test_metric=None))
    assert "on the validation data that guided the search" in found.sentence


def test_the_baseline_as_winner() -> None:
    best = {"op": "conv", "width": 32, "lr": 0.01}
    rng = np.random.default_rng(0)
    configs = [best, *(random_config(rng) for _ in range(40))]
    record = search(
        lambda config, rng: [{"accuracy": worth(config) + (config is best)}],
        configs=configs,
        baseline=True,
    )
    assert verdict(record).sentence.startswith("No better: no trial had a better result")


def test_several_objectives_are_judged_by_the_first() -> None:
    def train(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
        return [{**signal(config, rng)[0], "latency": config["width"]}]

    objectives = {"accuracy": "max", "latency": "min"}
    found = verdict(search(train, objectives=objectives, baseline=True))
    assert "By accuracy alone, the first of 2 objectives" in found.sentence


@pytest.mark.parametrize(
    "record", [ExperimentRecord(), search(lambda config, rng: [], 3), search(signal, 3)]
)
def test_a_search_that_has_hardly_begun_is_not_decidable(record: ExperimentRecord) -> None:
    found = verdict(record)
    assert found.sentence.startswith("Not decidable: ")
    assert len(found.numbers) == 4


def test_the_cost_counts_epochs_and_hours() -> None:
    def train(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
        return [
            {"accuracy": rng.random(), "epoch": epoch, "time_total_s": 3600.0 * epoch}
            for epoch in (1, 2)
        ]

    cost = verdict(search(train, 10)).numbers[3][1]
    assert cost == "10 trials, epoch 20 in all (10 full trainings), 20 trial hours"
