"""The benchmark of exports counts what differs and what cannot be exported."""

from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def benchmark(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("export")


def test_files_that_agree_and_files_that_do_not_are_counted(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, make_inputs = benchmark.SPACES["sensors (user's)"]
    found = benchmark.measure(make(), make_inputs, 2, ["state_dict"])["state_dict"]
    assert found["failures"] == []
    assert (found["files"], found["equal_accuracy"]) == (2, 2)
    assert found["largest_difference"] <= 1e-6

    def altered(files):
        right = [benchmark.outputs_here(network, file.inputs) for file in files]
        return [[[array - 1 for array in call] for call in part] for part in right[:1]] + ["died"]

    network = benchmark.random_network(make(), make_inputs, 0)
    monkeypatch.setattr(benchmark, "outputs_alone", altered)
    found = benchmark.measure(make(), make_inputs, 2, ["state_dict"])["state_dict"]
    assert found["largest_difference"] == pytest.approx(1.0)
    assert found["failures"] == [
        "architecture 0: 1.00e+00, equal accuracy: True",
        "architecture 1: died",
    ]


def test_the_refused_layer_is_named(benchmark: ModuleType) -> None:
    refused = benchmark.refusals(["state_dict"])["state_dict"]
    assert refused.startswith("state_dict: layer 'gate' (_Gate) cannot be exported")
