"""Values kept sorted give the same answers as sorting anew, to the last bit."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ray_nas.schedulers.core.sorted_values import SortedValues

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
CHANGES = st.lists(
    st.tuples(st.sampled_from("abcdefghij"), st.none() | FINITE), min_size=1, max_size=40
)


@settings(deadline=None)
@given(changes=CHANGES, q=st.floats(0, 1), without=st.sampled_from("abz"))
def test_same_as_sorting_anew(
    changes: list[tuple[str, float | None]], q: float, without: str
) -> None:
    kept = SortedValues({"a": 0.5})
    plain = {"a": 0.5}
    for name, value in changes:
        if value is None:
            kept.discard(name)
            plain.pop(name, None)
        else:
            kept.set(name, value)
            plain[name] = value
    assert kept.values == plain
    others = {name: value for name, value in plain.items() if name != without}
    best = max(((value, name) for name, value in others.items()), default=None)
    assert kept.best(without) == best
    for values, left_out in ((others, without), (plain, None)):
        expected = np.quantile(list(values.values()), q) if values else None
        assert kept.quantile(q, left_out) == expected


def test_contains() -> None:
    values = SortedValues({"a": 0.5})
    assert "a" in values
    values.discard("a")
    assert "a" not in values
