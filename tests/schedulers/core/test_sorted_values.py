"""A ranking kept in order says what sorting anew would say, to the last bit."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ray_nas.schedulers.core.sorted_values import Ranking

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
CHANGES = st.lists(
    st.tuples(st.sampled_from("abcdefghij"), st.none() | FINITE), min_size=1, max_size=40
)


@settings(deadline=None)
@given(changes=CHANGES, q=st.floats(0, 1), without=st.sampled_from("abz"))
def test_as_if_sorted_anew(changes: list[tuple[str, float | None]], q: float, without: str) -> None:
    ranking, plain = Ranking({"a": 0.5}), {"a": 0.5}
    for name, value in changes:
        if value is None:
            ranking.discard(name)
            plain.pop(name, None)
        else:
            ranking.set(name, value)
            plain[name] = value
    assert ranking.values == plain
    others = {name: value for name, value in plain.items() if name != without}
    assert ranking.best(without) == max(
        ((value, name) for name, value in others.items()), default=None
    )
    for values, left_out in ((others, without), (plain, None)):
        expected = np.quantile(list(values.values()), q) if values else None
        assert ranking.quantile(q, left_out) == expected
