import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("hpbandster", reason='the extra "bohb" wants a C compiler')

from ray_nas.searchers.kde_model import KDEModel

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bohb(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("benchmarks_bohb", FOLDER / "bohb.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_what_is_observed_before_a_decision_is_timed_does_not_run_the_model(bohb: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    get_config = KDEModel.get_config

    def counted(self: KDEModel, *arguments: Any, **named: Any) -> Any:
        runs.append(len(self.losses.get(1.0, {})))
        return get_config(self, *arguments, **named)

    monkeypatch.setattr(KDEModel, "get_config", counted)
    assert bohb.milliseconds(observations=50, decisions=4) > 0.0
    assert min(runs) == 50
    assert len(runs) < 10
