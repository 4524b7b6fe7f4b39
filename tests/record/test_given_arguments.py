"""The arguments that objects were made with."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from ray_nas.record.given_arguments import GivenArguments, RecordsArguments


class Base(RecordsArguments):
    def __init__(self, space: object, *, seed: int | None = None, costs: object = None) -> None:
        self.seed = seed


class Derived(Base):
    def __init__(self, space: object, size: int = 3, **common: object) -> None:
        super().__init__(space, **common)


class Inherits(Derived):
    pass


def test_defaults_are_included_and_what_is_no_json_is_described() -> None:
    given = Derived(object(), seed=1, costs=len).given_arguments
    assert given.values == {"size": 3, "seed": 1}
    assert given.unrecorded == {"space": "object", "costs": "function len"}
    assert Inherits("x", 4).given_arguments.values == {"space": "x", "size": 4}


def test_values_become_json() -> None:
    given = GivenArguments.of(
        {
            "limits": {"size": (None, np.float64(2.0))},
            "path": Path("a/b"),
            "number": np.int64(3),
            "infinite": float("inf"),
            "keyed": {1: 2},
            "none": None,
        }
    )
    assert given.values == {"limits": {"size": [None, 2.0]}, "path": "a/b", "number": 3}
    assert given.unrecorded == {"infinite": "float", "keyed": "dict"}


def test_wrong_arguments_raise_as_ever() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'sead'"):
        Base("x", sead=1)  # type: ignore[call-arg]


def test_copies_keep_them() -> None:
    again = pickle.loads(pickle.dumps(Base("x", seed=2)))
    assert again.given_arguments.values == {"space": "x", "seed": 2}
